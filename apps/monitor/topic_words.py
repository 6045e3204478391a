"""Words that speak for a topic, and how far they move what a model says of it.

A head that learnt topics from a few thousand texts is unsure of wordings it never met; the trade's own words ("coupon",
"减持") settle many of these. One of them adds to the topic's log-odds. A few phrases leave no doubt ("unable to repay")
and tell their topic whatever the head says. A topic that no head knows is told by its words alone, so that a team can
add one without training.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from core.characters import fold

# A star ends a stem, a low line stands for a blank. Words of which the sample's training texts showed that they say
# little (below a third, or below twice the topic's share) are left out.
WORDS: Mapping[str, str] = {
    "earnings": """
        profit* loss losses revenue* sales earnings results margin* dividend* quarter* half-year first-half
        second-half full-year net_income net_profit operating_profit turnover eps ebit* pre-tax payout write-down*
        impairment* beats misses bottom_line top_line like-for-like interim figures year-on-year nets in_the_black
        in_the_red cash_flow takings annual_report
        业绩 净利 利润 营收 收入 亏损 盈利 扭亏 毛利 年报 季报 中报 半年报 一季度 二季度 三季度 四季度 上半年 同比
        环比 每股收益 分红 派息 减值 预增 预减 预亏 归母 快报 现金流 单季 扣非 销售额""",
    "guidance": """
        guidance outlook forecast* target* expects sees profit_warning warning guides guided reaffirm* reiterat*
        ahead_of_plan below_plan cautious* quiet_period look_ahead visibility order_book aims projection*
        指引 预计 预测 目标 上调 下调 预警 下修 上修 预告 全年营收 前瞻 规划 能见度 谨慎乐观""",
    "credit": """
        default* bond* coupon* creditor* lender* debt* loan* liquidity rating downgrade* junk covenant* repay*
        restructur* bankrupt* insolven* refinanc* maturity maturities noteholder* bondholder* credit syndicate
        commercial_paper arrears overdue collateral guarantee* winding-up liquidator* receivership haircut standstill
        unpaid distressed solvency
        违约 债券 债务 兑付 逾期 贷款 授信 评级 展期 债权人 流动性 破产 重整 清盘 信用 票据 商票 质押 担保 欠款 偿付
        偿还 还款 公司债 美元债 票息 再融资 资金链 保交楼 停工 拖欠 信托""",
    "regulation": """
        regulator* fine fined lawsuit* sue sues sued court* ruling judge licen* probe* antitrust watchdog inspection*
        banned recall* complian* rules injunction subpoena* hearing approval approves permit* patent* trade_mark
        appeal* disclosure reprimand* general_meeting resolution* sanctions authority authorities
        监管 罚款 处罚 立案 调查 证监会 诉讼 起诉 法院 判决 败诉 胜诉 仲裁 牌照 许可 反垄断 召回 责令 整改 约谈 问询
        检查 合规 新规 条例 药监 审批 获批 批准 听证 禁令 专利 商标 备案 环评 下架 警示函 监管函""",
    "management": """
        ceo cfo coo chair chairman chairwoman chairperson chief_executive finance_chief board director* executive*
        resign* steps_down successor appoint* hires hired hiring layoff* job_cuts staff employees union strike*
        reorgani* founder president head_of bonus* leaves departs quits ousted reshuffle headquarters severance
        董事长 总裁 总经理 首席 高管 董事会 董事 监事 辞职 离任 离职 接任 任命 聘任 换帅 裁员 员工 罢工 工会 架构
        创始人 薪酬 奖金 激励 人事 失联 内斗 副总 总监 任期 招聘 停薪 跳槽""",
    "product": """
        launch* recall* customer* app outage* service* model quality defect* opens users flight* refund* batch*
        battery software drug* trial* phone* cars machine* food menu shipment* production features warranty broken
        explosion
        产品 新品 门店 召回 质量 缺陷 故障 宕机 用户 服务 投产 试驾 体验 口感 投诉 退款 交付 生产线 亮相 中标 测试
        升级 首发 爆炸 起火 变质 异物 上线""",
    "mergers": """
        acqui* merger* merge* takeover* bid bids buyout stake* deal buys divest* spin-off joint_venture tender_offer
        takes_over tie-up disposal strategic_review suitor* partner* consolidat* asset_sale
        收购 并购 合并 重组 出售 转让 入股 股权 要约 私有化 合资 剥离 分拆 卖掉 接盘 买下 控股权 竞购 吞并 战略合作
        拍卖 易主 收编 资产包 借壳""",
    "market": """
        share* stock* index rally rallies* falls rises jumps slides slumps soars high low limit_down limit_up trading
        investor* portfolio hold sell price_target valuation bull* bear* short_seller* shorts volume points
        block_trade issue_price ipo benchmark volatility dip
        股价 涨停 跌停 大盘 指数 股市 板块 资金 成交 抛售 反弹 新高 做空 估值 买入 卖出 增持 减持 持股 股东户数
        融资余额 散户 主力 翻红 翻绿 跳水 抄底 割肉 行情 量能 庄家 基金 持仓 目标价 首日 破发 回购 举牌 套牢 封单
        解禁""",
    "macro": """
        central_bank rates inflation gdp economy economic exports imports tariff* commodit* currency yuan governor
        jobs unemployment consumer_prices budget freight drought rain steel_price* copper raw_material* energy_costs
        electricity housing global stimulus recession pmi retail_sales payrolls
        央行 利率 降准 降息 通胀 出口 进口 关税 油价 汇率 人民币 财政 政策 制造业 消费 就业 楼市 房价 原材料 铜价
        钢价 运价 海运 电价 社融 免签 干旱 暴雨 航油 外需 内需 价格指数 非农 社零""",
    "scandal": """
        fraud* scandal* forg* fake* bribe* corrupt* embezzl* launder* scam* alleg* accus* whistleblower* cover-up hid
        hidden conceal* police arrest* sham invented falsif* ponzi misled misleading victims cheat* phantom
        shell_compan* stolen
        造假 欺诈 舞弊 诈骗 骗 假 伪造 虚构 虚假 贿 腐败 内幕 洗钱 举报 爆料 黑幕 隐瞒 瞒报 丑闻 警方 被抓 被捕 拘留
        刑拘 挪用 侵占 曝光 操纵 围标 空壳 传销""",
}
# Phrases that leave no doubt; "…" stands for up to four words between. Of 24 texts of the sample that have one, two
# are labelled otherwise, both of them about a fraud that an authority looks into.
PHRASES: Mapping[str, str] = {
    "credit": """
        unable_to…repay* unable_to_pay…debt* unable_to…obligations unable_to_service…debt* able_to_repay
        able_to…obligations not_meet…obligations cannot_meet…obligations cannot_repay cannot_pay…debt*
        cannot_service…debt* fail*_to_repay fail*_to_meet…obligations fail*_to_make…payment* miss*…interest_payment*
        miss*…coupon* miss*…bond_payment* miss*…debt_payment* miss*…loan_payment* debts_as_they_fall_due
        obligations_when_due obligations_as_they going_concern debt_default* default*_on…bond* default*_on…debt*
        default*_on…loan* default*_on…notes default*_on…payment*
        无力偿还 无力偿付 无力兑付 无力清偿 无法偿还 无法偿付 无法兑付 无法清偿 无法按期偿 无法按期兑 无法如期偿
        无法如期兑 不能按期偿 不能按期兑 不能清偿 未能偿还 未能偿付 未能兑付 未能按期偿 未能按期兑 未能如期偿
        未能如期兑 未按期偿 未按期兑 未按时兑付 未按时偿还 到期未付 到期债务 到期义务 资不抵债 债务违约
        债券违约 持续经营能力存在重大""",
    "regulation": """
        laundering_probe* laundering_investigation* laundering_case* laundering_charge* laundering_fine*
        fraud_probe* fraud_investigation* bribery_probe* antitrust_probe* criminal_probe* regulatory_probe*
        tax_probe* insider_trading_probe* fined…for fined…over
        反洗钱不力 反洗钱处罚 违反反洗钱 涉嫌洗钱 洗钱调查 被立案 立案调查 被监管 被证监会""",
    "scandal": """
        laundering_probe* laundering_investigation* laundering_case* laundering_charge* laundering_scandal*
        launder*_money accused_of_fraud fraud_probe* fraud_investigation* accounting_fraud bribery_probe*
        涉嫌洗钱 洗钱调查 洗钱案 财务造假 涉嫌欺诈 涉嫌造假""",
    "earnings": """
        beat*…expectations beat*…estimates beat*…forecasts beat*…consensus top*…estimates top*…expectations
        top*…forecasts miss*…estimates miss*…expectations miss*…forecasts miss*…consensus exceed*…expectations
        exceed*…estimates ahead_of_expectations ahead_of_estimates below_expectations above_expectations
        below_estimates above_estimates short_of…estimates short_of…expectations
        超预期 超出预期 好于预期 高于预期 优于预期 低于预期 不及预期 逊于预期 逊预期 胜预期""",
}
UNLESS: Mapping[str, str] = {"earnings": "macro"}  # exports and prices beat expectations as well as a company's quarter
WEIGHT = 1.0  # of a word in log-odds; chosen on the sample's validation days
ALONE = 0.6  # probability of a topic that no head knows and a word speaks for
_LEAST = 1e-4  # probabilities nearer to 0 or 1 are taken as this near


class TopicWords:
    """The words of each topic: ours, and those a team adds for its own or these topics."""

    def __init__(self, added: Mapping[str, Sequence[str]] | None = None) -> None:
        own = {topic: words.split() for topic, words in WORDS.items()}
        for topic, words in (added or {}).items():
            own[topic] = [*own.get(topic, ()), *(word.strip() for word in words if word.strip())]
        self._patterns = {topic: pattern(words) for topic, words in own.items() if words}
        self._phrases = {topic: pattern(phrases.split()) for topic, phrases in PHRASES.items()}

    @property
    def topics(self) -> tuple[str, ...]:
        """Those that have words."""
        return tuple(self._patterns)

    def said(self, text: str, topics: Sequence[str]) -> list[bool]:
        """Of each topic, whether the text has one of its words.

        >>> TopicWords({"supply": ["wafer*", "缺货"]}).said("Wafers are short", ["supply", "macro"])
        [True, False]
        """
        folded = fold(text) if topics else ""
        patterns = (self._patterns.get(topic) for topic in topics)
        return [pattern is not None and pattern.search(folded) is not None for pattern in patterns]

    def moved(
        self, probabilities: npt.NDArray[np.floating], texts: Sequence[str], topics: Sequence[str]
    ) -> npt.NDArray[np.float32]:
        """(texts, topics) in, the same out: higher where a word of the topic stands in the text."""
        if not texts:
            return np.asarray(probabilities, np.float32)
        told = np.array([self.said(text, topics) for text in texts], float)
        near = np.clip(probabilities.astype(float), _LEAST, 1 - _LEAST)
        odds = np.log(near / (1 - near)) + WEIGHT * told
        sure = np.array([self.surely(text, topics) for text in texts], float)
        return np.asarray(np.maximum(1 / (1 + np.exp(-odds)), ALONE * sure), np.float32)

    def surely(self, text: str, topics: Sequence[str]) -> list[bool]:
        """Of each topic, whether the text has a phrase that leaves no doubt of it.

        >>> own = TopicWords()
        >>> own.surely("It may not be able to meet all obligations when due", ["credit", "earnings"])
        [True, False]
        >>> own.surely("Alba tops estimates", ["earnings"]), own.surely("Inflation tops estimates", ["earnings"])
        ([True], [False])
        """
        folded = fold(text) if topics else ""
        found = [topic in self._phrases and self._phrases[topic].search(folded) is not None for topic in topics]
        others = self.said(text, [UNLESS.get(topic, "") for topic in topics]) if any(found) else found
        return [there and not other for there, other in zip(found, others, strict=True)]


def without(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """The text with these places blank; one that is not in it (-1) is passed over.

    >>> without("Target cuts its target", [(0, 6)])
    '       cuts its target'
    """
    for start, end in spans:
        if start >= 0:
            text = text[:start] + " " * (end - start) + text[end:]
    return text


def pattern(words: Sequence[str]) -> re.Pattern[str]:
    """Latin words stand alone, others anywhere; a star lets more letters follow, "…" up to four words."""
    latin, others = [], []
    for word in dict.fromkeys(words):
        if word[:1].isascii():
            latin.append(_BETWEEN.join(_stem(part) for part in word.split("…")))
        else:
            others.append(_stem(word))
    return re.compile("|".join([*others, *([rf"(?<![a-z0-9])(?:{'|'.join(latin)})"] if latin else [])]))


_BETWEEN = r"(?:[^a-z0-9.;!?]+[^\s.;!?]+){0,4}?[^a-z0-9.;!?]+"  # words of the same sentence


def _stem(word: str) -> str:
    """A word or words in a row; each star lets letters follow."""
    parts = word.replace("_", " ").split("*")
    told = "[a-z]*".join(re.escape(" ".join(fold(one) for one in part.split(" "))) for part in parts)
    return told if word.endswith("*") or not word[:1].isascii() else told + r"(?![a-z0-9])"
