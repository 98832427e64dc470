"""Writes headlines-en and headlines-zh: short invented news items, each with a headline.

    pip install blake3
    python datasets/make_headlines.py

Every item is one of 25 stories a language, written by hand for this project, with its names, places and numbers drawn from
short lists. All items of a story stand in the same split, so that no wording of train is met again in dev or test.
"""

import random
from pathlib import Path

from blake3 import blake3

# (text, headline); {a} {b} are drawn from the lists that stand behind.
ENGLISH = [
    ("The council of {a} has voted to close the old bridge to lorries. Engineers found cracks in two of its pillars last {b}. Cars may still cross at walking pace.",
     "{a} closes cracked bridge to lorries"),
    ("A bakery in {a} gave away three hundred loaves on {b} after its oven timer failed overnight. The owner said the bread was a little dark but perfectly good.",
     "{a} bakery gives away 300 overbaked loaves"),
    ("Pupils in {a} will start lessons half an hour later from next term. A trial in {b} showed that they were more awake and came late less often.",
     "{a} schools to start half an hour later"),
    ("The ferry between {a} and the islands was cancelled on {b} because of high waves. About two hundred travellers spent the night in a sports hall.",
     "High waves strand 200 ferry passengers in {a}"),
    ("A retired teacher from {a} has left her whole collection of clocks to the town museum. The ninety pieces will be shown from {b} on.",
     "Teacher leaves 90 clocks to {a} museum"),
    ("Farmers around {a} report the smallest apple harvest in ten years. A late frost in {b} killed most of the blossoms.",
     "Late frost ruins apple harvest around {a}"),
    ("The library of {a} no longer asks for money when books come back late. Since the change in {b}, more than a thousand lost books have been returned.",
     "Lost books return as {a} library drops fines"),
    ("Police in {a} found a stolen tram only forty minutes after it had left the depot. The driver, a boy of fifteen, had stopped at every station on {b}.",
     "Boy, 15, drives stolen tram through {a}"),
    ("A new swimming pool opened in {a} on {b}. It is heated by the warm air of the computer centre next door and needs no gas.",
     "Computers heat new swimming pool in {a}"),
    ("The last cinema of {a} will not close after all. More than four hundred residents bought shares in {b} to keep it open.",
     "Residents buy shares to save {a} cinema"),
    ("Two hikers who had lost their way near {a} were found by a dog on {b}. They were cold and tired, and unhurt.",
     "Dog finds lost hikers near {a}"),
    ("From {b} buses in {a} will be free for everyone under eighteen. The town expects to pay about two million a year for it.",
     "{a} makes buses free for under-18s"),
    ("A power cut left half of {a} without light on {b}. A crane had touched a cable at a building site; nobody was hurt.",
     "Crane cuts power to half of {a}"),
    ("Scientists in {a} have counted more storks than ever since records began. They think that the wet meadows restored in {b} are the reason.",
     "Record number of storks counted in {a}"),
    ("The market hall of {a} burnt down on {b}. The fire brigade could save the neighbouring houses, and all traders got out in time.",
     "Fire destroys {a} market hall"),
    ("A shoemaker in {a} has found a letter from 1931 in the heel of a boot. He hopes to find the family of the sender by {b}.",
     "Shoemaker finds 1931 letter in boot heel"),
    ("Nurses at the hospital of {a} ended their strike on {b}. They get nine per cent more pay over two years and longer breaks.",
     "{a} nurses end strike with 9 per cent rise"),
    ("The river through {a} has been clean enough for swimming since {b}. For fifty years bathing there had been forbidden.",
     "Swimming allowed in {a} river after 50 years"),
    ("A goat stood on the track outside {a} and held up six trains on {b}. A guard led it away with a slice of bread.",
     "Goat on track delays six trains near {a}"),
    ("The mayor of {a} has resigned. Papers made public in {b} show that her brother's firm won four building contracts without a tender.",
     "{a} mayor resigns over contracts for brother"),
    ("A start-up from {a} is to build houses from pressed straw. The first twenty flats are to be ready in {b} and cost a third less.",
     "{a} start-up builds cheaper flats from straw"),
    ("Volunteers planted eight thousand trees on the hills above {a} on {b}. A storm had torn down the old wood two winters ago.",
     "Volunteers plant 8,000 trees above {a}"),
    ("The women's handball team of {a} won the cup for the first time. They beat the title holders on {b} with a goal in the last second.",
     "{a} women win first handball cup in last second"),
    ("Tap water in {a} has to be boiled until {b}. A broken pipe let rain water into the main reservoir.",
     "{a} told to boil tap water after pipe breaks"),
    ("An orchestra from {a} will play for plants only. On {b} two thousand pots fill the seats; they go to nurses afterwards.",
     "{a} orchestra plays concert for plants"),
]
CHINESE = [
    ("{a}市政府决定,{b}起老桥禁止货车通行。工程师发现两根桥墩出现裂缝,小汽车仍可慢速通过。", "{a}老桥现裂缝禁止货车通行"),
    ("{b},{a}一家面包店因为烤箱定时器失灵,把三百个面包免费送给了居民。店主说面包颜色深了一点,味道没有问题。", "烤箱失灵,{a}面包店免费送出三百个面包"),
    ("从下学期开始,{a}的中小学上课时间推迟半小时。{b}的试点显示,学生上课更有精神,迟到也少了。", "{a}中小学上课推迟半小时"),
    ("因海浪过大,{b}从{a}开往海岛的轮渡全部停航。约两百名旅客在体育馆过夜。", "大浪致{a}轮渡停航,两百旅客滞留"),
    ("{a}一位退休教师把自己收藏的九十座钟表全部捐给了博物馆。这批藏品{b}起展出。", "{a}退休教师捐出九十座钟表"),
    ("{a}的果农说,今年的苹果产量是十年来最低的。{b}的一场霜冻冻坏了大部分花。", "霜冻使{a}苹果大减产"),
    ("{a}图书馆取消了逾期罚款。{b}以来,一千多本丢失的书被还了回来。", "取消罚款后{a}图书馆收回千本旧书"),
    ("{b},一名十五岁少年在{a}开走一辆有轨电车,四十分钟后被警方找到。他一路上每站都停了车。", "{a}少年开走电车,站站都停"),
    ("{a}新游泳馆{b}开放。馆里的热水靠隔壁数据中心的余热加热,不用天然气。", "{a}游泳馆用数据中心余热供暖"),
    ("{a}最后一家电影院不会关门了。{b},四百多位居民出钱入股,让它继续营业。", "居民入股保住{a}最后一家电影院"),
    ("两名在{a}附近迷路的登山者{b}被一只狗找到。两人又冷又累,没有受伤。", "搜救犬在{a}找到迷路登山者"),
    ("{b}起,{a}十八岁以下的居民坐公交车免费。市里预计每年为此支出两百万元。", "{a}未成年人坐公交免费"),
    ("{b},{a}半个城区停电。原因是工地的吊车碰到了电缆,没有人受伤。", "吊车碰断电缆,{a}半城停电"),
    ("研究人员在{a}数到的白鹳数量创下纪录。他们认为这与{b}恢复的湿地有关。", "{a}白鹳数量创新高"),
    ("{b},{a}的菜市场被大火烧毁。消防员保住了旁边的房屋,商户全部及时撤离。", "{a}菜市场被大火烧毁"),
    ("{a}一名修鞋匠在一只靴子的鞋跟里发现了一封一九三一年的信。他希望{b}能找到写信人的家人。", "修鞋匠在鞋跟里发现旧信"),
    ("{a}医院的护士{b}结束罢工。两年内工资上涨百分之九,休息时间也延长了。", "{a}护士加薪百分之九,结束罢工"),
    ("{b}起,流经{a}的河水可以游泳了。此前五十年,这里一直禁止下水。", "五十年后{a}河段重新开放游泳"),
    ("{b},一只山羊站在{a}附近的铁轨上,六趟列车晚点。列车员用一片面包把它引开了。", "山羊占铁轨,{a}六趟列车晚点"),
    ("{a}市长辞职。{b}公布的文件显示,她弟弟的公司没有经过招标就拿到了四份工程合同。", "{a}市长因弟弟公司拿合同辞职"),
    ("{a}一家新公司要用压缩秸秆盖房子。首批二十套住房预计{b}完工,造价低三分之一。", "{a}公司用秸秆盖低价房"),
    ("{b},志愿者在{a}的山上种下八千棵树。两年前的一场风暴毁掉了原来的树林。", "志愿者在{a}山上种下八千棵树"),
    ("{a}女子手球队第一次夺得冠军。{b},她们在最后一秒进球,战胜了卫冕冠军。", "{a}女子手球队最后一秒夺冠"),
    ("{a}的自来水在{b}之前必须烧开再喝。一根水管破裂,雨水流进了主水库。", "水管破裂,{a}自来水须烧开"),
    ("{a}一支乐团要为植物演出。{b},两千盆花草坐满观众席,之后送给护士。", "{a}乐团为植物开音乐会"),
]
PLACES = {
    "en": ["Harwick", "Stonebury", "Port Elm", "Lindale", "Westmoor", "Kestrel Bay", "Ashford", "Millbrook"],
    "zh": ["青河", "临江", "白石", "东林", "南湾", "云港", "松城", "平川"],
}
WHEN = {
    "en": ["Monday", "March", "Saturday", "April", "Thursday", "June", "Sunday", "October"],
    "zh": ["周一", "三月", "周六", "四月", "周四", "六月", "周日", "十月"],
}
# Stories of each split, and items of each story.
SPLITS = {"train": 10, "dev": 5, "test": 10}
ITEMS = 6
CARD = """name: headlines-{language}
language: {language}
licence: MIT OR Apache-2.0
made_how: >-
  Short news items that never happened, with headlines. 25 stories of two or three sentences, each with its headline, were written
  for this project by a language model; datasets/make_headlines.py makes {items} items of each by drawing places and times from
  lists of eight, so that items of one story are near copies of one another. All items of a story stand in one split. Times were
  drawn without regard to the sentence, and some sound odd. Nobody has rated the headlines.
columns: [text, summary]
splits:
{splits}template: "{template}"
"""
TEMPLATES = {"en": "{text} TL;DR: {mask}", "zh": "{text}标题：{mask}"}


def main() -> None:
    for language, stories in [("en", ENGLISH), ("zh", CHINESE)]:
        draw = random.Random(2026)
        folder = Path(__file__).parent / f"headlines-{language}"
        folder.mkdir(exist_ok=True)
        order = list(stories)
        draw.shuffle(order)
        rest, lines = iter(order), ""
        for split, n_stories in SPLITS.items():
            rows = []
            for _ in range(n_stories):
                text, headline = next(rest)
                places = draw.sample(PLACES[language], ITEMS)
                times = draw.sample(WHEN[language], ITEMS)
                rows += [(text.format(a=a, b=b), headline.format(a=a, b=b)) for a, b in zip(places, times)]
            draw.shuffle(rows)
            wide = str.maketrans(",", "，") if language == "zh" else {}
            table = "text\tsummary\n" + "".join(f"{t.translate(wide)}\t{h.translate(wide)}\n" for t, h in rows)
            (folder / f"{split}.tsv").write_text(table, encoding="utf-8")
            lines += f"  {split}: {{ rows: {len(rows)}, blake3: {blake3(table.encode()).hexdigest()} }}\n"
        card = CARD.format(language=language, items=ITEMS, splits=lines, template=TEMPLATES[language])
        (folder / "CARD.yaml").write_text(card, encoding="utf-8")


if __name__ == "__main__":
    main()
