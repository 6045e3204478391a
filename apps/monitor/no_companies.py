"""Words in news that a model takes for a company and that never are one: roles, ratios, places; what is traded.

A model finds names and cannot tell a company it never met from a metal or an index: both rise and fall. Only names
that a model alone found are held against them: what stands in a team's own list of companies always counts.
"""

import re

from core.characters import fold

WORDS = """
rt mt via cc ht dm tldr breaking exclusive update updated alert watch live news video podcast opinion analysis
ceo cfo coo cto cio cmo ciso svp evp vp md chair chairman chairwoman chairperson president founder director board
ipo spo m&a mou nda lbo mbo agm egm ama faq q&a ir pr hr it r&d esg csr ai api app 5g ev evs covid covid-19
q1 q2 q3 q4 1q 2q 3q 4q h1 h2 1h 2h fy ytd yoy qoq mom eod eow pre-market premarket after-hours
eps ebit ebitda roe roi roa nav aum dcf p/e pe p/b pb p/s arpu gmv capex opex fcf dividend revenue guidance
gdp cpi ppi pmi pce nfp fomc rsi macd ema sma atr
us u.s. usa u.s.a. uk u.k. eu uae prc hk apac emea asia europe america china
usd eur gbp cny rmb jpy hkd sgd aud cad chf krw
etf etfs etn adr adrs reit reits spac spacs bond bonds stock stocks share shares gold oil crypto
fed the_fed federal_reserve sec ecb boe boj pboc hkma mas fca csrc imf opec wto
bank banks broker brokers insurer insurers energy systems group holdings holding capital company corp co inc ltd llc plc
corporation incorporated limited automotive technologies technology industries wall wall_street
转发 转发微博 快讯 独家 突发 早报 晚报 早盘 午后 尾盘 盘前 盘后 收盘 开盘
公司 本公司 该公司 上市公司 子公司 母公司 分公司 控股公司 集团 银行 券商 保险公司 基金公司 房企 车企 药企 国企 央企 民企
董事会 监事会 股东大会 董事长 总裁 总经理 首席执行官 首席财务官 高管 股东 投资者 机构 主力 散户 分析师
财报 年报 季报 中报 半年报 一季报 三季报 业绩 营收 净利 净利润 毛利率 分红 研发
a股 b股 h股 港股 美股 沪市 深市 两市 沪指 深成指 创业板 科创板 北交所 主板 大盘 板块 市场 股市
央行 人民银行 中国人民银行 美联储 欧洲央行 证监会 银保监会 金融监管总局 国资委 发改委 财政部 商务部 工信部
中国 美国 欧盟 英国 日本 香港 全球 海外 国内
人民币 美元 港元 欧元 日元 原油 黄金 比特币
"""
# Of these every word of a name may be one: "Brent crude", "S&P 500", "Nifty Bank"
ASSETS = """
gold silver platinum palladium copper aluminium aluminum zinc nickel lead tin iron steel ore oil crude brent wti gas
gasoline diesel petrol coal lng wheat corn maize soybean soybeans sugar cotton coffee cocoa rice rubber palm dollar
rupee euro yen yuan renminbi pound sterling franc peso rand rouble ruble won lira greenback forex fx sensex nifty bse
nse dow jones industrial average nasdaq s&p ftse dax cac nikkei topix kospi csi hang seng stoxx ibex msci russell vix
street index indices indexes composite futures bank metal pharma realty auto fmcg u.s u.s. us uk 30 50 100 300 500 600
2000 bitcoin btc ethereum ether eth crypto cryptocurrency cryptocurrencies treasury treasuries gilt gilts bunds yield
yields equities market markets rate rates wall
白银 铜 铝 铁矿石 螺纹钢 焦煤 豆粕 沪深300 上证指数 上证综指 恒生指数
恒指 纳指 纳斯达克 道指 标普 标普500 日经 日经225 国债 美债
"""
NEVER = frozenset(fold(word.replace("_", " ")) for word in WORDS.split())
_PARTS = frozenset(fold(word) for word in ASSETS.split())
_HANDLE = re.compile(r"(?<![A-Za-z0-9._-])@[\w-]{1,30}")  # no mail address
_CODE = re.compile(r"<[.=^\w]{1,20}>")  # an agency's code of a share or a rate


def never_a_company(text: str, start: int, end: int) -> bool:
    """Whether ``text[start:end]`` is one of these words, small throughout, in an account's handle or an agency's code.

    >>> tweet = "RT @alba_fan: two banks and Alba Bank <ALBA.N> fall with Brent crude, $RT too"
    >>> names = ("RT", "alba_fan", "banks", "Alba Bank", "ALBA", "Brent crude")
    >>> [never_a_company(tweet, at := tweet.index(name), at + len(name)) for name in names]
    [True, True, True, False, True, True]
    >>> never_a_company(tweet, tweet.index("$RT") + 1, tweet.index("$RT") + 3)
    False
    """
    if any(one.start() < end and start < one.end() for mark in (_HANDLE, _CODE) for one in mark.finditer(text)):
        return True
    if text[:start].endswith("$"):
        return False
    written = text[start:end]
    parts = [part.removesuffix("'s") for part in fold(written).split()]
    return fold(written) in NEVER or all(part in _PARTS for part in parts) or (written.isascii() and written.islower())
