"""The customer-service chatbot: learns from dialogues and documents, answers, composes, asks back, hands over."""
