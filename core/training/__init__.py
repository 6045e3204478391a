"""LoRA fine-tuning: examples, objectives, the training loop, search over its settings, robustness."""
