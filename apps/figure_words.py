"""Names of figures and training options in Chinese, word by word; in English they read as in files and terminal.

What nobody translated stays as it is written, so do abbreviations of the field (F1, AUC, MRR).
"""

_ZH = {
    "macro_f1": "宏平均 F1",
    "micro_f1": "微平均 F1",
    "span_f1": "片段 F1",
    "f1": "F1",
    "accuracy": "准确率",
    "loss": "损失",
    "perplexity": "困惑度",
    "precision": "精确率",
    "recall": "召回率",
    "recall_at_10": "召回率@10",
    "mrr": "MRR",
    "ndcg": "NDCG",
    "hit_rate": "命中率",
    "ece": "校准误差（ECE）",
    "score": "综合得分",
    "abstain_below": "弃判阈值",
    "topic_from": "主题阈值",
    "before": "训练前",
    "after": "训练后",
    "live": "使用中",
    "validation": "验证集",
    "eval": "验证集",
    "held": "留出数据",
    "test": "测试集",
    "training": "训练",
    "train": "训练集",
    "sample": "示例数据",
    "en": "英文",
    "zh": "中文",
    "text": "文本",
    "company": "公司",
    "companies": "公司",
    "topics": "主题",
    "sentiment": "情绪",
    "multi": "多家公司",
    "single": "单家公司",
    "best_step": "最佳步",
    "steps": "步数",
    "epoch": "轮次",
    "epochs": "轮数",
    "max_steps": "最多步数",
    "time_limit_s": "时限（秒）",
    "learning_rate": "学习率",
    "warmup_share": "预热比例",
    "schedule": "学习率计划",
    "weight_decay": "权重衰减",
    "batch_size": "批大小",
    "accumulation": "梯度累积",
    "max_tokens": "最多词元",
    "rank": "秩",
    "alpha": "缩放（alpha）",
    "dropout": "随机失活",
    "target_modules": "目标层",
    "eval_every": "验证间隔（步）",
    "patience": "提前停止的耐心",
    "checkpointing": "重算激活值",
    "label_smoothing": "标签平滑",
    "seed": "随机种子",
    "adversarial_epsilon": "对抗扰动",
    "r_drop": "R-Drop 权重",
    "calibration": "校准方法",
    "files": "文件",
    "sets": "公开数据集",
    "anew": "从头训练",
    "what": "训练对象",
    "kind": "类型",
    "state": "状态",
    "started": "开始时间",
}
_LONGEST = max(name.count("_") for name in _ZH) + 1


def figure_name(name: str, language: str) -> str:
    """The name of a figure or option in a language.

    >>> figure_name("live_text_macro_f1", "zh"), figure_name("tfns_accuracy", "zh"), figure_name("rank", "en")
    ('使用中 · 文本 · 宏平均 F1', 'tfns · 准确率', 'rank')
    """
    if language != "zh":
        return name
    words, found = name.replace(".", "_").split("_"), []
    while words:
        size = next((n for n in range(min(_LONGEST, len(words)), 0, -1) if "_".join(words[:n]) in _ZH), 0)
        found.append(_ZH["_".join(words[:size])] if size else words[0])
        words = words[max(size, 1) :]
    return " · ".join(found)
