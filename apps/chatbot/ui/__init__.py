"""The chatbot pages, one file each."""
