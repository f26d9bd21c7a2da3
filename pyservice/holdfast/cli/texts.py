"""Every text of the command line, in Chinese and English.

Words for programs (JSON keys, reasons, node and bucket names) are not texts and
stand nowhere here. What an engine says comes in the caller's language already.
"""

import os
from typing import Final, Protocol, TypeVar

from holdfast.errors import HoldfastError

LANGUAGES: Final = ("zh", "en")

E_co = TypeVar("E_co", bound=HoldfastError, covariant=True)

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
    "usage": ("用法：", "usage: "),
    "arguments": ("参数", "arguments"),
    "options": ("选项", "options"),
    "usage_error": ("用法错误：{detail}", "usage error: {detail}"),
    # Commands
    "serve": ("启动 gRPC 服务", "serve the engine over gRPC"),
    "up": ("跑完一天的订单，然后保持服务运行", "run a day of orders, then keep serving"),
    "rehearse": (
        "在已部署的服务上演练高峰；退出码见 docs/rehearsal.md",
        "rehearse the peak against a deployed service; exit codes are in docs/rehearsal.md",
    ),
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
    "journal.verify": (
        "校验每一帧与每个快照，不做修改",
        "check every frame and snapshot, change nothing",
    ),
    "journal.snapshot": (
        "为已停止的服务做一次快照，下次启动更快",
        "take a snapshot of a stopped server, so that it starts quickly",
    ),
    "journal.compact": (
        "删除两个快照都已包含的旧记录；服务须先停止",
        "remove old records that two snapshots hold; stop the server first",
    ),
    "journal.doctor": (
        "日志损坏时：哪些可读、哪些丢失，不做修改",
        "of a damaged journal: what can be read, what is lost; changes nothing",
    ),
    "journal.dump": ("逐条输出记录（JSON）", "print records as JSON, one a line"),
    "backup": (
        "备份数据目录（服务可在运行），并重放校验",
        "copy the data folder, beside a running server too, and replay the copy",
    ),
    "restore": (
        "校验备份；给出 --to 时恢复为数据目录",
        "check a backup, and with --to make a data folder of it",
    ),
    "keys": ("密钥", "keys"),
    "keys.rotate": (
        "更换封存资料的主密钥；服务须先停止",
        "make a new master key for sealed documents; stop the server first",
    ),
    "state": ("状态", "the state"),
    "state.hash": ("状态的规范哈希", "the canonical hash of the state"),
    "audit": ("重新核对所有恒等式", "recompute every identity"),
    "token": ("凭证", "credentials"),
    "token.issue": ("签发凭证，密钥只显示一次", "issue a credential; its secret is shown once"),
    "config": ("设置", "settings"),
    "config.show": ("显示设置", "show the settings"),
    "doctor": ("检查这台机器", "look at this machine"),
    # Flags
    "opt.help": ("显示本帮助", "show this help"),
    "opt.version": ("显示版本", "show the version"),
    "opt.json": ("输出 JSON", "print JSON"),
    "opt.lang": ("语言，默认取自 LANG", "language; that of LANG if not given"),
    "opt.data": (
        "数据目录；若其服务在运行，则通过服务访问",
        "data folder; reached through its server if one runs",
    ),
    "opt.merchant": ("商家，仅在直接打开目录时使用", "merchant, where the folder itself is opened"),
    "opt.server": ("服务地址，代替目录自己的服务", "a server, instead of the folder's own"),
    "opt.token_file": (
        "凭证密钥文件，默认为运营凭证",
        "file with the credential's secret; the operator's if not given",
    ),
    "opt.tls_ca": ("服务端 TLS 证书的根证书（PEM）", "PEM roots of the server's TLS certificate"),
    "opt.request_id": (
        "重试时用上一次的请求号",
        "the request id of an earlier attempt, to repeat it",
    ),
    "opt.number": ("订单号", "order number"),
    "opt.source_channel": (
        "来源渠道：DOUYIN、YOUZAN、TAOBAO、WECHAT、PHONE、OTHER",
        "where it came from: DOUYIN, YOUZAN, TAOBAO, WECHAT, PHONE, OTHER",
    ),
    "opt.urgency": (
        "紧急等级：NORMAL、URGENT、CRITICAL",
        "how urgent: NORMAL, URGENT, CRITICAL",
    ),
    "opt.line": ("一行商品，可重复", "a line; may be repeated"),
    "opt.paid": ("已付款，直接占用库存", "it is paid: stock is allocated at once"),
    "opt.csv": (
        "CSV 文件，列：order_number, source_channel, urgency, sku, warehouse, quantity",
        "CSV file with order_number, source_channel, urgency, sku, warehouse, quantity",
    ),
    "opt.encoding": (
        "文件编码，Excel 导出常为 gb18030",
        "encoding of the file; UTF-8 if not given",
    ),
    "opt.rejects": ("把被拒绝的行写入此文件", "write the rows of rejected orders to this file"),
    "opt.sku": ("SKU 编码", "the SKU"),
    "opt.limit": ("最多列出几条", "list at most so many"),
    "opt.quantity": ("件数", "units"),
    "opt.warehouse": ("仓库", "warehouse"),
    "opt.format": ("输出格式", "what to make"),
    "opt.output": ("写入文件", "write to this file"),
    "opt.channel": ("平台", "the platform"),
    "opt.shop": ("店铺编号，报文中没有时填写", "shop id, where the payload has none"),
    "opt.payload": ("报文文件，- 为标准输入", "file with the reply; - is standard input"),
    "opt.cut_at": (
        "保留到此记录为止，其余移走（先停止服务）",
        "keep the records up to this one and move the rest away; stop the server first",
    ),
    "opt.yes": ("确认执行", "do it; without this it is only told"),
    "opt.backup_to": ("备份写入的新目录", "folder to make, which must not exist"),
    "opt.with_keys": (
        "连同密钥环一起备份",
        "copy the key ring as well; whoever has the backup can then open the documents",
    ),
    "opt.backup": ("备份目录", "folder of the backup"),
    "opt.restore_to": ("恢复到的新数据目录", "data folder to make, which must not exist"),
    "opt.restore_keys": ("另存的密钥环", "key ring that was kept apart"),
    "opt.verify": ("只校验，不恢复", "only check it, which every restore does as well"),
    "opt.from_seq": ("从此序号开始", "start at this position"),
    "opt.origin": ("同时显示每个值的来源", "show also where each value comes from"),
    "opt.orders": ("订单数", "how many orders"),
    "opt.seed": ("随机种子，相同种子得到相同的一天", "the same seed makes the same day"),
    "opt.profile": (
        "smoke、peak10k、peak100k、flash-sale、expiry-storm、soak 或 all",
        "smoke, peak10k, peak100k, flash-sale, expiry-storm, soak, or all",
    ),
    "opt.rehearsed": ("被演练的服务", "the service that is rehearsed"),
    "opt.beside": ("用于成对比较的全新服务", "a fresh service for the pairs"),
    "opt.rehearsals": (
        "结果目录，默认为 rehearsals/日期-时间",
        "folder of the results; rehearsals/DATE-TIME if not given",
    ),
    "opt.exit": ("出结果后停止", "stop after the verdict"),
    "opt.actor": ("人员或系统的名称", "name of the person or system"),
    "opt.role": (
        "角色，如 PICKER、INTEGRATION、ADMIN",
        "its role, such as PICKER, INTEGRATION, ADMIN",
    ),
    "opt.device": ("绑定的设备", "the device it is bound to"),
    # Settings
    "set.data": ("数据目录", "data folder"),
    "set.host": ("监听地址，非本机须配 TLS", "address to listen on; beyond loopback needs TLS"),
    "set.port": ("gRPC 端口，0 为任意空闲端口", "gRPC port; 0 takes a free one"),
    "set.front": (
        "接入层：native 不经解释器应答热点方法；python 全部由 Python 应答",
        "native answers hot methods without the interpreter; python answers all in it",
    ),
    "set.metrics_port": (
        "指标端口，0 为任意空闲端口，-1 为关闭",
        "port of /metrics; 0 takes a free one, -1 none",
    ),
    "set.journal": (
        "日志模式：file.sync 落盘后应答；file.log 写入后应答；redis.* 存于 Redis",
        "journal mode: file.sync replies when on disk, file.log when written, redis.* in Redis",
    ),
    "set.redis_url": (
        "Redis 地址：redis:// rediss:// redis+sentinel:// redis+cluster://",
        "server of a journal in Redis: redis:// rediss:// redis+sentinel:// redis+cluster://",
    ),
    "set.redis_name": (
        "Redis 中日志的名称，区分同一服务器上的多个日志",
        "name of the journal in Redis; tells journals on one server apart",
    ),
    "set.redis_password_file": ("Redis 密码文件", "file with the password of Redis"),
    "set.redis_ca": (
        "Redis TLS 根证书（PEM），缺省用系统证书",
        "PEM roots for Redis over TLS; the system's if absent",
    ),
    "set.redis_cert": ("出示给 Redis 的证书（PEM）", "PEM certificate shown to Redis"),
    "set.redis_key": ("该证书的私钥（PEM）", "PEM private key of that certificate"),
    "set.redis_assume_appendfsync": (
        "服务器不允许查询 appendfsync 时，由您声明其值",
        "what appendfsync is, on a server that lets nobody ask",
    ),
    "set.mirror": (
        "日志的第二份副本所在目录，最好在另一块盘上",
        "folder of the journal's second copy, best on another disk",
    ),
    "set.scrub_hours": (
        "每隔几小时复查整个日志，0 为不复查",
        "hours between two scrubs of the journal; 0: never",
    ),
    "set.low_water_mib": (
        "磁盘剩余低于此值（MiB）时不接新订单",
        "free MiB on the disk below which no new orders are taken",
    ),
    "set.snapshot_every": (
        "两次快照之间至少多少条记录，0 为不做",
        "records between two snapshots, at least; 0: never",
    ),
    "set.keep_days": (
        "日志保留每条记录的天数，0 为永久保留",
        "days for which the journal keeps every record; 0: for ever",
    ),
    "set.merchant": ("运营凭证所属商家", "merchant of the operator's credential"),
    "set.tls_cert": ("TLS 证书（PEM）", "PEM certificate"),
    "set.tls_key": ("TLS 私钥（PEM）", "PEM private key"),
    "set.tls_client_ca": (
        "客户端证书的根证书，填写后强制双向 TLS",
        "PEM roots; clients must then show a certificate",
    ),
    "set.admin_token_file": ("运营凭证密钥文件", "file with the operator's secret"),
    "set.key_file": ("封存资料的密钥环", "key ring of the sealed documents"),
    "set.drain_grace_s": (
        "停机时先摘流量再关闭的秒数",
        "seconds that the port stays open after NOT_SERVING",
    ),
    "set.default_deadline_ms": ("未写时限的调用的时限", "deadline of calls that state none"),
    "set.max_connections": (
        "同时的连接数上限，多出的立即关闭",
        "connections at once; more are closed",
    ),
    "set.handshake_s": (
        "新连接（含 TLS）握手的时限，秒",
        "time for a connection's first bytes, TLS included",
    ),
    "set.connection_idle_s": (
        "无调用的连接保留多久，秒",
        "how long a connection without calls is kept",
    ),
    "set.connection_age_s": (
        "连接的最长寿命，秒，上下浮动一成",
        "age of a connection, give or take a tenth",
    ),
    "set.connection_age_grace_s": (
        "到龄后留给未完成调用的时间，秒",
        "how long its calls may go on behind that",
    ),
    "set.keepalive_s": ("静默多久后探测客户端，秒", "silence after which a client is pinged"),
    "set.keepalive_timeout_s": ("等待探测回应的时限，秒", "how long it has to answer the ping"),
    "set.ping_spacing_s": (
        "客户端两次 ping 的最短间隔，秒，过密则断开",
        "between a client's pings; who pings more often goes",
    ),
    # Columns
    "col.setting": ("设置", "setting"),
    "col.value": ("值", "value"),
    "col.origin": ("来源", "origin"),
    "col.check": ("检查项", "check"),
    "col.state": ("状态", "state"),
    "col.detail": ("情况", "detail"),
    "col.parcel": ("包裹", "parcel"),
    "col.order": ("订单", "order"),
    "col.node": ("节点", "node"),
    "col.since": ("自", "since"),
    "col.goods": ("货品", "goods"),
    "col.at": ("时间", "at"),
    "col.actor": ("人员", "actor"),
    "col.role": ("角色", "role"),
    "col.device": ("设备", "device"),
    "col.reason": ("原因", "reason"),
    "col.hold": ("锁库", "hold"),
    "col.until": ("到期", "until"),
    "col.warehouse": ("仓库", "warehouse"),
    "col.available": ("可用", "available"),
    "col.held": ("锁定", "held"),
    "col.allocated": ("已占用", "allocated"),
    "col.transfer_out": ("调出", "transfer_out"),
    "col.putback": ("待放回", "putback"),
    "col.safety": ("安全库存", "safety"),
    "col.frozen": ("冻结", "frozen"),
    "col.qc": ("质检", "qc"),
    "col.damaged": ("残损", "damaged"),
    "col.on_hand": ("在库", "on_hand"),
    "col.backordered": ("缺货待补", "backordered"),
    # What a command did
    "ready": (
        "Holdfast {version} 就绪 · 持久化：{persistence}（{durability}）· gRPC {address}"
        "（{front}）· 指标 {metrics_address} · 凭证 {token_file}",
        "Holdfast {version} ready · Persistence: {persistence} ({durability}) · gRPC {address} "
        "({front}) · metrics {metrics_address} · token {token_file}",
    ),
    "stop_hint": ("停止：Ctrl-C；数据保留在 {data}", "stop: Ctrl-C; data stays in {data}"),
    "held": ("{number}  {node}  锁定至 {until}", "{number}  {node}  held until {until}"),
    "received": (
        "{sku}  {warehouse}  可用 {available}",
        "{sku}  {warehouse}  available {available}",
    ),
    "row": ("第 {row} 行：{told}", "row {row}: {told}"),
    "imported": (
        "导入 {accepted} 单，拒绝 {rejected} 单",
        "{accepted} orders imported, {rejected} rejected",
    ),
    "import_unknown": (
        "{count} 单结果未知：{detail} 请再次导入同一文件，不会重复下单。",
        "the outcome of {count} orders is unknown: {detail} Import the same file again; no order "
        "is placed twice.",
    ),
    "more": ("还有更多，用 --limit 加大（现为 {limit}）", "there are more than --limit {limit}"),
    "verified": (
        "记录 {records}  末序号 {last_seq}  段 {segments}  字节 {bytes}",
        "records {records}  last seq {last_seq}  segments {segments}  bytes {bytes}",
    ),
    "key_rotated": (
        "新资料从现在起用主密钥 {number} 封存；旧密钥留在密钥环中",
        "documents are sealed under master key {number} from now on; older keys stay in the ring",
    ),
    "snapshot": (
        "快照 {seq}  字节 {bytes}  状态哈希 {state_hash}",
        "snapshot {seq}  bytes {bytes}  state hash {state_hash}",
    ),
    "cut_planned": (
        "将保留记录 {seq} 及之前的内容，{files} 个文件的其余部分移至 {aside}；加 --yes 执行",
        "would keep the records up to {seq} and move the rest, of {files} files, to {aside}; "
        "add --yes to do it",
    ),
    "cut_done": (
        "已保留记录 {seq} 及之前的内容，{files} 个文件的其余部分在 {aside}",
        "kept the records up to {seq}; the rest, of {files} files, is in {aside}",
    ),
    "backed_up": (
        "已备份记录 {first_seq} 至 {last_seq}，{files} 个文件，状态哈希 {state_hash}，已重放校验",
        "backed up records {first_seq} to {last_seq} in {files} files; "
        "replayed to state {state_hash}",
    ),
    "backup_whole": (
        "备份完好：记录 {first_seq} 至 {last_seq}，{files} 个文件，状态哈希 {state_hash}",
        "whole: records {first_seq} to {last_seq} in {files} files; replayed to state {state_hash}",
    ),
    "restored": (
        "已恢复记录 {first_seq} 至 {last_seq}，{files} 个文件，状态哈希 {state_hash}，已重放校验",
        "restored records {first_seq} to {last_seq} in {files} files; "
        "replayed to state {state_hash}",
    ),
    "keys_apart": (
        "不含密钥环：拿到备份的人打不开收货资料；没有它这些资料也无法恢复。"
        "请另存 keys/ring.json，恢复时用 --keys。",
        "Without the key ring: a thief of the backup cannot open receivers' documents, and without "
        "it nobody can. Keep keys/ring.json elsewhere, and give it back with --keys.",
    ),
    "ring_missing": (
        "没有密钥环：{documents} 份收货资料打不开，引擎也不会启动。"
        "请把密钥环放到 {folder}/keys/ring.json，或启动时用 --key-file 指定；"
        "也可以用 --keys 重新执行本命令。",
        "There is no key ring: its {documents} documents cannot be opened, and no engine starts "
        "beside them. Put the ring at {folder}/keys/ring.json or name it to `serve` with "
        "--key-file; or run this again with --keys.",
    ),
    "backup_findings": (
        "核对时有 {findings} 处不符：在备份之前就已存在，请运行 `holdfast audit`",
        "an audit of it has {findings} findings, which were there before the backup; "
        "see `holdfast audit`",
    ),
    "backup_damaged_documents": (
        "{documents} 份资料中有 {damaged_documents} 份在每个副本中都已损坏；"
        "较早的备份中可能完好，请保留",
        "{damaged_documents} of {documents} documents are damaged in every copy; an older backup "
        "may have them whole, so keep it",
    ),
    "backup_unopened_documents": (
        "密钥环打不开 {documents} 份资料中的 {unopened_documents} 份：密钥环不对，或资料已损坏",
        "the key ring does not open {unopened_documents} of {documents} documents: it is another "
        "ring, or they are damaged",
    ),
    "archive": (
        "归档订单 {orders}  文件 {files}  字节 {bytes}",
        "archive  orders {orders}  files {files}  bytes {bytes}",
    ),
    "archive_bad": ("归档不可用：{problem}", "the archive cannot be used: {problem}"),
    "documents_bad": ("封存资料有损坏：{problem}", "sealed documents: {problem}"),
    "documents_mendable": (
        "{documents} 份封存资料中有 {mendable} 份只有一个副本完好，下次巡检会修复",
        "{mendable} of {documents} sealed documents are whole in one copy only; the next scrub "
        "mends them",
    ),
    "snapshot_bad": ("快照 {seq} 不可用：{problem}", "snapshot {seq} cannot be used: {problem}"),
    "snapshot_none": ("日志为空，无需快照", "the journal is empty; there is nothing to take"),
    "compacted": (
        "保留记录 {first_seq} 至 {last_seq}（此前从 {first_seq_before} 起）",
        "records {first_seq} to {last_seq} are kept (before: from {first_seq_before})",
    ),
    "compact_single": (
        "只有一个快照，未删除任何记录；有新记录后再运行一次",
        "there is one snapshot only, and nothing was removed; run it again after more records",
    ),
    "readable": ("序号 {seq} 及之前完好", "readable up to record {seq}"),
    "damage": (
        "损坏：{path} 第 {offset} 字节，{detail}",
        "damage: {path} at byte {offset}: {detail}",
    ),
    "lost": ("丢失的记录：{first} 至 {last}", "lost: records {first} to {last}"),
    "island": (
        "其后完好：记录 {first_seq} 至 {last_seq}（{path} 第 {offset} 字节起）",
        "whole behind it: records {first_seq} to {last_seq} ({path} from byte {offset})",
    ),
    "damage_remedy": (
        "请先复制整个目录。有镜像时用 --mirror 启动即可修复；否则恢复备份。",
        "Copy the folder first. With a mirror a start with --mirror mends it; "
        "otherwise restore a backup.",
    ),
    "healthy": ("没有损坏", "no damage"),
    "one_copy": (
        "{stale_frames} 处在镜像的一份副本中损坏或缺失，另一份完好；下次启动或校对时会修复",
        "{stale_frames} groups are damaged or missing in one of the two copies and whole in the "
        "other; the next start or scrub mends them",
    ),
    "ring_untried": (
        "没有密钥环 {ring}，因此没有试过它能否打开备份中的 {documents} 份资料。"
        "它在别处时请用 --key-file 指定。",
        "There is no key ring {ring}, so nobody tried whether it opens the {documents} documents "
        "of this backup. If it is kept elsewhere, name it with --key-file.",
    ),
    "torn": (
        "末尾有 {bytes} 字节未完成的写入，打开时会截掉；没有人得到过确认",
        "{bytes} bytes of an unfinished write at the end; they are cut when an engine opens "
        "the folder, and nobody was promised them",
    ),
    "no_findings": (
        "所有恒等式成立（库存池 {pools}，订单 {orders}，不符 {count}）",
        "every identity holds ({pools} pools, {orders} orders, {count} findings)",
    ),
    "findings": (
        "发现 {count} 处不符（库存池 {pools}，订单 {orders}）",
        "{count} findings ({pools} pools, {orders} orders)",
    ),
    # What went wrong, by reason; what the engine refuses has its own texts
    "CANNOT_OPEN": ("打不开：{detail}", "Cannot open it: {detail}"),
    "DATA_MISSING": (
        "{data} 中没有数据。请先运行 `holdfast serve` 或 `holdfast up`，或用 --data 指定目录。",
        "There is nothing in {data}. Start with `holdfast serve` or `holdfast up`, or name the "
        "data folder with --data.",
    ),
    "DATA_IN_REDIS": (
        "{data} 的日志在 Redis 中，此命令只读文件。请用其服务器自己的方式备份和检查。",
        "The journal of {data} is in Redis, and this command is for files. Back the server up and "
        "check it with its own means.",
    ),
    "VERIFY_OR_RESTORE": (
        "--verify 只检查，不恢复；请去掉 --verify 或 --to。",
        "--verify only checks and restores nothing; leave --verify or --to out.",
    ),
    "BACKUP_INSIDE": (
        "{path} 在数据目录 {data} 之内，会与它一起丢失。请换一个目录，最好在另一块磁盘上。",
        "{path} lies in the data folder {data} and would be lost with it. Name another folder, "
        "better on another disk.",
    ),
    "EXTRA_MISSING": (
        "演练还需要 {missing}，它们不在这里。请安装：pip install 'holdfast[server,load]'",
        "A rehearsal also needs {missing}, not installed here. "
        "Run: pip install 'holdfast[server,load]'",
    ),
    "PROFILE_UNKNOWN": (
        "没有名为 {profile} 的演练；有：{known}。",
        "There is no rehearsal {profile}; there are: {known}.",
    ),
    "TOKEN_MISSING": (
        "读不到凭证文件 {path}（{detail}）。请用 --token-file 指定。",
        "There is no token in {path} ({detail}). Name its file with --token-file.",
    ),
    "SERVER_UNREACHABLE": (
        "{address} 没有应答：{detail}。请检查地址以及 `holdfast serve` 是否在运行；"
        "服务启用 TLS 时需要 --tls-ca。",
        "{address} does not answer: {detail}. Check the address and that `holdfast serve` runs "
        "there; a server with TLS needs --tls-ca.",
    ),
    "JOURNAL_LOCKED": (
        "{path} 正被进程 {pid} 使用。查询和修改订单、库存请用 --server HOST:PORT 连接它；"
        "整理日志或轮换密钥请先停止它。",
        "Process {pid} has {path}. If it is a server, ask it about orders and stock with --server "
        "HOST:PORT; for what is done to the journal or the keys, stop it first.",
    ),
    "JOURNAL_CORRUPT": (
        "{path} 在偏移 {offset} 处损坏，到序号 {good_seq} 为止完好。"
        "请停止写入，复制整个目录；有镜像时用 --mirror 启动即可修复，"
        "否则 `holdfast journal doctor` 会说明丢失了什么，再恢复备份。",
        "{path} is damaged at offset {offset}; everything up to position {good_seq} is whole. "
        "Stop writing and copy the folder. With a mirror, a start with --mirror mends it; without "
        "one, `holdfast journal doctor` says what is lost. Only then restore a backup.",
    ),
    "JOURNAL_HALF_CUT": (
        "{path}：在记录 {seq} 之后的截断已开始而未完成，完成前不会启动。"
        "请重新运行 `holdfast journal doctor --cut-at {seq} --yes`。",
        "{path}: a cut behind record {seq} was begun and not finished, and nothing starts before. "
        "Run `holdfast journal doctor --cut-at {seq} --yes` again.",
    ),
    "CUT_BEYOND": (
        "完好的记录到 {good_seq} 为止；在 {seq} 之后截断会保留损坏的内容。",
        "records up to {good_seq} can be read; a cut behind record {seq} would keep what is "
        "damaged.",
    ),
    "CUT_BEFORE": (
        "日志从记录 {first_seq} 开始；在 {seq} 之后截断将什么都不保留。",
        "The journal begins at record {first_seq}; a cut behind record {seq} would keep nothing.",
    ),
    "CUT_INSIDE_GROUP": (
        "记录 {seq} 不是所在组的最后一条，组不可拆分。请在 {before} 或 {after} 之后截断。",
        "Record {seq} is not the last of its group, and groups are kept whole. Cut behind record "
        "{before} or {after}.",
    ),
    "CUT_NO_BEGINNING": (
        "日志从记录 {first_seq} 开始，而 {seq} 及之前没有快照保存更早的内容。请恢复备份。",
        "The journal begins at record {first_seq}, and no snapshot up to record {seq} holds what "
        "was before. Restore a backup.",
    ),
    "NOTHING_TO_BACK_UP": (
        "{path} 中没有文件日志的记录；Redis 中的日志请用其服务器自己的方式备份。",
        "The journal of {path} has no record in files. A journal in Redis is backed up with its "
        "server.",
    ),
    "BACKUP_TARGET_EXISTS": (
        "{path} 已存在或不是空目录，不会覆盖。请换一个不存在的目录。",
        "{path} exists or is not empty, and nothing is written over. Name a folder that is not "
        "there.",
    ),
    "BACKUP_UNFINISHED": (
        "{path} 已存在：另一个进程正在写入，或曾在写入时中断。若没有进程在写，请删除它再试。",
        "{path} exists: another process fills it now, or one died there. If none does, remove it "
        "and try again.",
    ),
    "BACKUP_MISSING": (
        "{path} 不是备份：没有 manifest.json。未完成的备份以 .partial 结尾。",
        "There is no backup in {path}: it has no manifest.json. One that was not finished ends in "
        ".partial.",
    ),
    "BACKUP_UNREADABLE": (
        "清单 {path} 无法使用：{detail}。请用另一份备份。",
        "The manifest {path} cannot be used: {detail}. Use another backup.",
    ),
    "BACKUP_NEWER": (
        "{path} 的格式比本版本认识的新。请使用写入它的版本。",
        "{path} has a newer format than this version knows. Use the version that wrote it.",
    ),
    "BACKUP_CHANGED": (
        "{path} 与备份时不同：{detail}。请用另一份备份。",
        "{path} is not what was backed up: {detail}. Use another backup.",
    ),
    "BACKUP_STRAY_FILE": (
        "{path} 不在备份清单中。如果是后来放入的，请移走。",
        "{path} is not in the backup's manifest. Move it away if it was put there later.",
    ),
    "BACKUP_DIFFERS": (
        "{path} 重放后的状态与清单不符。请用制作它的版本恢复，或用另一份备份。",
        "{path} gives another state than its manifest says. Restore it with the version that made "
        "it, or use another backup.",
    ),
    "KEYS_MISSING": (
        "没有密钥环 {path}。请指定它所在的文件。",
        "There is no key ring {path}. Name the file that has it.",
    ),
    "JOURNAL_NEWER": (
        "日志格式 {found} 比本版本认识的 {known} 新。请使用写入它的版本。",
        "The journal has format {found}; this version knows up to {known}. Use the version that "
        "wrote it.",
    ),
    "SETTING_VALUE": (
        "设置 {setting} 的值为 {value}（{origin}），应为 {expected}。",
        "{setting} is {value} ({origin}); expected {expected}.",
    ),
    "SETTING_UNKNOWN": (
        "{origin} 中有未知的设置 {setting}。是否想写 {nearest}？",
        "{origin} has the unknown setting {setting}. Did you mean {nearest}?",
    ),
    "SETTING_STRANGE": (
        "{origin} 中有未知的设置 {setting}。可用：{known}。",
        "{origin} has the unknown setting {setting}. Known are {known}.",
    ),
    "SETTINGS_FILE": ("{path} 无法读取：{detail}", "{path} cannot be read: {detail}"),
    "FILE_ENCODING": (
        "{path} 在第 {byte} 字节处不是 {encoding}。请另存为 UTF-8，或用 --encoding 指定编码"
        "（Excel 导出常为 gb18030）。没有导入任何订单。",
        "{path} is not {encoding} at byte {byte}. Save it as UTF-8, or name its encoding with "
        "--encoding (Excel in China: gb18030). Nothing was imported.",
    ),
    "ENCODING_UNKNOWN": ("没有编码 {encoding}。", "There is no encoding {encoding}."),
    "FILE_COLUMNS": (
        "文件缺少列 {missing}；需要 {columns}。没有导入任何订单。",
        "The file has no column {missing}; it needs {columns}. Nothing was imported.",
    ),
    "FILE_NO_CSV": (
        "文件第 {line} 行不是 CSV：{detail}。没有导入任何订单。",
        "The file is no CSV in line {line}: {detail}. Nothing was imported.",
    ),
    "row.empty": ("{column} 为空。", "{column} is empty."),
    "row.quantity": ("quantity 为 {value}，应为整数。", "quantity is {value}; expected a number."),
    "row.word": (
        "{column} 为 {value}，应为 {known} 之一。",
        "{column} is {value}; expected one of {known}.",
    ),
    "row.differs": (
        "{column} 为 {value}，而本订单第 {first_row} 行为 {first}。",
        "{column} is {value}, but {first} in row {first_row} of this order.",
    ),
    "unknown_outcome": (
        "结果未知。请重新执行同一命令以确认，不会重复生效。{again}",
        "The outcome is unknown. Run the same command again to learn it; it takes effect once. "
        "{again}",
    ),
    # The doctor
    "doctor.served": ("{path}：进程 {pid} 的服务正在使用", "{path}: served by process {pid}"),
    "doctor.folder": ("{path}：可写", "{path}: writable"),
    "doctor.folder_new": ("{path}：尚未创建", "{path}: not made yet"),
    "doctor.disk": ("剩余 {mib} MiB", "{mib} MiB free"),
    "doctor.fsync": (
        "{count} 次中位数 {micros} µs；单独一单要等一次",
        "median of {count}: {micros} µs; a lone order waits for one",
    ),
    "doctor.clock_behind": (
        "{now}，比日志最后写入早 {seconds} 秒",
        "{now}, {seconds} s behind the journal's last write",
    ),
    "doctor.port_any": ("{port}：无需固定端口", "{port}: no fixed port"),
    "doctor.port_own": ("{port}：本目录的服务正在使用", "{port}: this folder's server has it"),
    "doctor.port_free": ("{port}：空闲", "{port}: free"),
    "doctor.files": ("上限 {limit}；每个连接占一个", "limit {limit}; each connection takes one"),
    "doctor.fix_data": (
        "不可写：换一个目录（--data），或修改权限",
        "it cannot be written: choose another with --data, or change its permissions",
    ),
    "doctor.fix_disk": (
        "清理磁盘，或把数据目录移到更大的磁盘；写满后引擎会停止",
        "free some, or move the folder to a larger disk; the engine stops when it is full",
    ),
    "doctor.fix_fsync": (
        "磁盘同步慢：换本地 SSD；批量下单共享一次同步",
        "the disk is slow to sync: use a local SSD, and place orders in batches, which share one",
    ),
    "doctor.fix_clock": (
        "先校准时钟（如 NTP）再启动；时钟倒退期间所有到期时间暂停",
        "set the clock (NTP) before starting; deadlines stand still while it is behind",
    ),
    "doctor.fix_port": (
        "端口被占用：换一个（--port、--metrics-port），或用 0 取空闲端口",
        "it is taken: choose another (--port, --metrics-port), or 0 for a free one",
    ),
    "doctor.fix_files": (
        "提高上限：ulimit -n 65536，或 systemd 的 LimitNOFILE",
        "raise it: ulimit -n 65536, or LimitNOFILE of systemd",
    ),
}

# Phrases in which argparse says what is wrong, and their Chinese.
_ARGPARSE: Final = (
    ("the following arguments are required", "缺少参数"),
    ("unrecognized arguments", "无法识别的参数"),
    ("invalid choice", "无效的值"),
    ("(choose from ", "（可选："),
    ("expected one argument", "缺少值"),
    ("invalid int value", "不是整数"),
    ("argument ", "参数 "),
    (" is not ", " 不是 "),
    (" or ", " 或 "),
)


def language(given: str | None = None) -> str:
    """The language to speak: the given one, else that of HOLDFAST_LANG or LANG."""
    wanted = given or os.environ.get("HOLDFAST_LANG") or os.environ.get("LANG", "")
    return "zh" if wanted.lower().startswith("zh") else "en"


def text(key: str, lang: str, **facts: object) -> str:
    """A text with its facts filled in."""
    chinese, english = TEXTS[key]
    return (chinese if lang == "zh" else english).format(**facts)


class _Kind(Protocol[E_co]):
    def __call__(self, message: str, *, reason: str, facts: dict[str, str]) -> E_co: ...


def told(kind: _Kind[E_co], reason: str, **facts: object) -> E_co:
    """An error whose text stands in the catalogue under its reason."""
    shown = {key: str(value) for key, value in facts.items()}
    return kind(text(reason, "en", **shown), reason=reason, facts=shown)


def in_language(error: HoldfastError, lang: str) -> str:
    """An error's text: that of the catalogue where it has one and the facts it needs."""
    if error.reason not in TEXTS:
        return error.message
    try:
        return text(error.reason, lang, **error.facts)
    except KeyError:
        return error.message


def in_chinese(message: str) -> str:
    """A message of argparse with the phrases that it is made of in Chinese."""
    for english, chinese in _ARGPARSE:
        message = message.replace(english, chinese)
    return message
