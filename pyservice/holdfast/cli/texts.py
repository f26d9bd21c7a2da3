"""Every text of the command line in Chinese and English."""

import os
from typing import Final

# key: (Chinese, English)
TEXTS: Final[dict[str, tuple[str, str]]] = {
    "app": (
        "Holdfast：多渠道店铺的订单引擎。锁库、十二个节点、断电不丢。",
        "Holdfast: the order engine of shops on several channels.",
    ),
    "exit_codes": (
        "退出码：0 成功；1 被拒绝或有发现；2 用法错误；3 打不开或连不上；4 结果未知",
        "Exit codes: 0 ok; 1 refused or something found; 2 usage; 3 cannot open or reach; "
        "4 outcome unknown",
    ),
    "serve": ("启动 gRPC 服务", "serve the engine over gRPC"),
    "up": ("跑完一天的订单，然后保持服务运行", "run a day of orders, then keep serving"),
    "order": ("订单", "orders"),
    "order.place": ("下单并锁库", "place an order and hold stock"),
    "order.import": ("从 CSV 导入订单", "import orders from a CSV file"),
    "order.show": ("订单现在在哪、停了多久、下一步谁", "where an order is, how long, who is next"),
    "hold": ("锁库", "holds"),
    "hold.list": ("按到期时间列出有效锁库", "live holds, first to end first"),
    "stock": ("库存", "stock"),
    "stock.show": ("一个 SKU 的全部库存", "all stock of a SKU"),
    "stock.receive": ("入库", "take goods in"),
    "states": ("节点图", "the twelve nodes"),
    "states.poster": ("可打印的墙报", "the wall poster, printable"),
    "channels": ("渠道报文", "channel payloads"),
    "channels.map": ("把平台报文映射为 27 个字段", "map a platform's reply to the 27 fields"),
    "journal": ("日志", "the journal"),
    "journal.verify": ("校验每一帧，不做修改", "check every frame, change nothing"),
    "journal.dump": ("逐条输出记录", "print records, one a line"),
    "state": ("状态", "the state"),
    "state.hash": ("状态的规范哈希", "the canonical hash of the state"),
    "audit": ("重新核对所有恒等式", "recompute every identity"),
    "token": ("凭证", "credentials"),
    "token.issue": ("签发凭证，密钥只显示一次", "issue a credential; its secret is shown once"),
    "config": ("设置", "settings"),
    "config.show": ("显示每个设置及其来源", "every setting and where it comes from"),
    "doctor": ("检查这台机器", "look at this machine"),
    "json": ("输出 JSON", "print JSON"),
    "data": ("数据目录", "data folder"),
    "server": ("服务地址 HOST:PORT", "address of a server, HOST:PORT"),
    "token_file": ("凭证文件", "file with the credential's secret"),
    "lang": ("语言 zh 或 en", "language, zh or en"),
    "merchant": ("商家", "merchant"),
    "ready": ("就绪", "ready"),
    "no_findings": ("所有恒等式成立", "every identity holds"),
    "findings": ("发现 {count} 处不符", "{count} findings"),
    "found_nothing": ("没有", "none"),
    "imported": (
        "导入 {accepted} 单，拒绝 {rejected} 单",
        "{accepted} orders imported, {rejected} rejected",
    ),
    "unreachable": ("连不上或打不开：{detail}", "cannot open or reach it: {detail}"),
    "unknown_outcome": (
        "结果未知：{detail}。请用相同的 request_id 重试。",
        "the outcome is unknown: {detail}. Repeat with the same request_id.",
    ),
    "use_server": (
        "该目录正被另一个引擎使用；请用 --server 连接它。",
        "another engine has this folder; talk to it with --server.",
    ),
    "healthy": ("没有损坏", "no damage"),
    "torn": (
        "末尾有 {bytes} 字节未完成的写入，打开时会截掉；没有人得到过确认",
        "{bytes} bytes of an unfinished write at the end; they are cut when an engine opens "
        "the folder, and nobody was promised them",
    ),
    "stop_hint": ("停止：Ctrl-C；数据保留在 {data}", "stop: Ctrl-C; data stays in {data}"),
}


def language(given: str | None = None) -> str:
    """The language to speak: the given one, else that of LANG."""
    wanted = given or os.environ.get("HOLDFAST_LANG") or os.environ.get("LANG", "")
    return "zh" if wanted.lower().startswith("zh") else "en"


def text(key: str, lang: str, **facts: object) -> str:
    """A text with its facts filled in."""
    chinese, english = TEXTS[key]
    return (chinese if lang == "zh" else english).format(**facts)
