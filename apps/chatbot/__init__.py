"""The customer-service chatbot: learns from past dialogues and documents, answers from approved answers, composes grounded answers, asks back, hands over."""
