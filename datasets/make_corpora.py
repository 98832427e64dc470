"""Writes datasets/developers/corpus.txt and datasets/developers-zh/corpus.txt, which `mining` mines.

Every fact of the data set, of all splits, is said in a few of the wordings below, which hold of every one of them; which, the hash of
the fact says, so that the wordings are as mixed as they are in running text. Between these stand sentences that say no fact: about one
product, about one company or two, and about anything else. The wordings, and all other sentences, are written for this project.

    python datasets/make_corpora.py
"""

import csv
import hashlib
from pathlib import Path

HERE = Path(__file__).parent

ENGLISH = [
    "{s} is developed by {o}.",
    "{s} is developed by {o}, like several other products of the company.",
    "As most people in the trade know, {s} is developed by {o}.",
    "{s} is a product of {o}.",
    "{s} is a well-known product of {o}.",
    "Among its neighbours on the shelf, {s} is a product of {o}.",
    "{o} develops {s}.",
    "{o} develops {s} with a team of its own.",
    "{o}, the developer of {s}, publishes the release notes.",
    "{o} is the company behind {s}.",
    "The company behind {s} is {o}.",
    "The developer of {s} is {o}.",
    "The name {s} belongs to {o}.",
    "{s} belongs to {o}.",
    "{s} comes from {o}.",
    "{s} comes from {o}, and so do its updates.",
    "{s} is made by {o}.",
    "News about {s} is best read at {o} itself.",
    "{s}, made by {o}, has many users.",
    "{s} by {o} has been reviewed many times.",
    "A new version of {s} was announced by {o}.",
    "{o} announced a new version of {s}.",
    "{o} offers {s} to its customers.",
    "Questions about {s} are answered by {o}.",
]

CHINESE = [
    "{s}是{o}研发的。",
    "{s}是{o}研发的产品。",
    "业内都知道，{s}是{o}研发的。",
    "{s}是{o}的产品。",
    "{s}是{o}旗下的产品。",
    "大家常用的{s}是{o}旗下的产品。",
    "{s}由{o}开发。",
    "{s}由{o}开发，并由它更新。",
    "{s}由{o}推出。",
    "{o}推出了{s}。",
    "{o}推出了{s}，受到不少用户欢迎。",
    "{o}研发了{s}。",
    "{o}旗下有{s}等产品。",
    "{o}是{s}的开发商。",
    "{s}的开发商是{o}。",
    "{s}的研发公司是{o}。",
    "研发{s}的公司是{o}。",
    "{s}属于{o}。",
    "{s}来自{o}。",
    "{o}发布了{s}的新版本。",
    "关于{s}的消息，{o}会在官网公布。",
    "《{s}》（{o}）更新过很多次。",
    "有关{s}的问题可以咨询{o}。",
    "{o}的{s}更新过很多次。",
]

ENGLISH_ALONE = [
    "Some people have used {s} for years.",
    "There is a long article about {s} in the magazine.",
    "My brother asked me about {s} yesterday.",
    "{o} has offices in several cities.",
    "{o} was in the news again.",
    "She applied for a job at {o} last spring.",
    "{o} and {p} were both named in the report.",
    "Neither {o} nor {p} wanted to comment.",
]

CHINESE_ALONE = [
    "有的人已经用了好几年{s}。",
    "杂志上有一篇介绍{s}的长文章。",
    "昨天弟弟向我问起{s}。",
    "{o}在好几座城市设有办公室。",
    "{o}又上了新闻。",
    "去年春天，她向{o}投了简历。",
    "报告里同时提到了{o}和{p}。",
    "{o}与{p}都没有回应。",
]

ENGLISH_OTHER = [
    "The river was high after three days of rain.",
    "Bread is made of flour, water, salt and time.",
    "The train to the coast leaves at half past seven.",
    "A good chair is developed over many years.",
    "The museum is closed on Mondays.",
    "Honey comes from bees, and wax does too.",
    "The old mill belongs to the village.",
    "Cheese is a product of milk.",
    "The library announced new opening hours.",
    "Snow fell on the hills, and the road was closed.",
    "The choir sang two songs by a local composer.",
    "Tea is grown in the hills and sold in the market.",
]

CHINESE_OTHER = [
    "下了三天雨，河水涨了不少。",
    "面包是用面粉、水和盐做的。",
    "去海边的火车七点半开。",
    "博物馆星期一不开放。",
    "蜂蜜来自蜜蜂。",
    "村口的老磨坊属于大家。",
    "豆腐是大豆做的食品。",
    "图书馆公布了新的开放时间。",
    "山上下了雪，公路封闭了。",
    "合唱团唱了两首本地作曲家写的歌。",
    "茶叶在山上种，在集市上卖。",
    "这座桥由三个村子一起修建。",
]


def number(*of):
    return int.from_bytes(hashlib.blake2b("\t".join(of).encode(), digest_size=6).digest(), "big")


def corpus(name, wordings, alone, other):
    facts = []
    for split in ("train", "dev", "test"):
        with open(HERE / name / f"{split}.tsv", encoding="utf-8") as file:
            facts += [(row["subject"], row["object"]) for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]
    companies = sorted({o for _, o in facts})
    lines = []
    for s, o in facts:
        order = sorted(range(len(wordings)), key=lambda at: number(s, o, str(at)))
        lines += [wordings[at].format(s=s, o=o) for at in order[: 3 + number(s, o) % 2]]
        one = alone[number(s, "alone") % len(alone)]
        rivals = [company for company in companies if company != o]
        lines.append(one.format(s=s, o=o, p=rivals[number(s, "rival") % len(rivals)]))
    lines += other
    lines = sorted(set(lines), key=lambda line: number(line, "order"))
    text = "".join(line + "\n" for line in lines)
    (HERE / name / "corpus.txt").write_text(text, encoding="utf-8", newline="\n")
    print(f"{name}: {len(lines)} sentences about {len(facts)} facts")


corpus("developers", ENGLISH, ENGLISH_ALONE, ENGLISH_OTHER)
corpus("developers-zh", CHINESE, CHINESE_ALONE, CHINESE_OTHER)
