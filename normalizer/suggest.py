"""What a word may mean, for a person to approve: from the tracker's own metadata first, then from the word itself.

Nothing here is ever applied by itself. Where two signs contradict each other, the suggestion says so and is not offered as a rule.
"""

from __future__ import annotations

import colorsys
from collections.abc import Collection, Sequence
from collections.abc import Mapping as Dict

import msgspec

from normalizer.mapping import Rule
from normalizer.scales import BANDS, CATEGORY, NAMED, folded

SURE, LIKELY, GUESS = 0.95, 0.9, 0.6
HALVES = 0.5
"""What remains of a suggestion whose signs contradict each other."""

LIFECYCLE: dict[str, str] = {
    word: becomes
    for becomes, words in {
        "not_started": (
            "to do", "todo", "open", "new", "backlog", "planned", "not started", "later", "draft",
            "offen", "neu", "geplant", "nicht begonnen", "zu erledigen", "à faire", "nouveau", "prévu", "por hacer", "pendiente", "nuevo",
            "a fazer", "pendente", "novo", "da fare", "te doen", "gepland", "未着手", "未開始", "新規", "新建", "予定", "未开始", "待办", "计划中", "لم يبدأ", "مخطط",
        ),
        "in_progress": (
            "in progress", "doing", "running", "started", "in review", "review", "testing", "in development", "wip",
            "in arbeit", "läuft", "begonnen", "in bearbeitung", "in prüfung", "en cours", "en curso", "en progreso", "em andamento",
            "em progresso", "in corso", "bezig", "in flight", "進行中", "作業中", "対応中", "进行中", "处理中", "قيد التنفيذ", "جار", "جاري",
        ),
        "paused": (
            "paused", "on hold", "parked", "blocked", "waiting", "ruht", "pausiert", "wartet", "zurückgestellt", "blockiert",
            "en pause", "en attente", "en espera", "pausado", "parado", "in attesa", "gepauzeerd", "保留", "中断", "暂停", "搁置", "موقوف", "معلق", "متوقف",
        ),
        "done": (
            "done", "complete", "completed", "closed", "finished", "shipped", "released", "live", "delivered", "resolved", "won",
            "closed won", "fertig", "erledigt", "abgeschlossen", "ausgeliefert", "gewonnen", "terminé", "fini", "livré", "gagné", "hecho",
            "terminado", "completado", "ganado", "concluído", "feito", "ganho", "fatto", "completato", "klaar", "gereed", "完了", "済み", "完成", "已完成",
            "已解决", "مكتمل", "منجز", "تم",
        ),
        "cancelled": (
            "cancelled", "canceled", "dropped", "rejected", "won't do", "wont do", "won't fix", "duplicate", "obsolete", "lost",
            "closed lost", "abgebrochen", "verworfen", "verloren", "abgelehnt", "annulé", "perdu", "cancelado", "perdido", "descartado",
            "annullato", "geannuleerd", "中止", "キャンセル", "取消", "已取消", "ملغى", "ملغي",
        ),
    }.items()
    for word in words
}  # fmt: skip
HEALTH: dict[str, str] = {
    word: becomes
    for becomes, words in {
        "on_track": (
            "green", "on track", "good", "ok", "healthy", "grün", "im plan", "gut", "vert", "dans les temps", "verde", "en línea", "no prazo",
            "groen", "op schema", "緑", "順調", "良好", "绿", "绿色", "正常", "أخضر", "على المسار",
        ),
        "at_risk": (
            "amber", "yellow", "orange", "at risk", "risk", "warning", "gelb", "gefährdet", "kritisch", "jaune", "à risque", "amarillo",
            "en riesgo", "amarelo", "em risco", "giallo", "a rischio", "geel", "risico", "黄", "黄色", "注意", "有风险", "أصفر", "في خطر",
        ),
        "off_track": (
            "red", "off track", "late", "delayed", "bad", "critical", "rot", "verzug", "verspätet", "rouge", "en retard", "rojo", "retrasado",
            "vermelho", "atrasado", "rosso", "in ritardo", "rood", "te laat", "赤", "遅延", "危険", "红", "红色", "延期", "أحمر", "متأخر",
        ),
        "unknown": ("grey", "gray", "n/a", "tbd", "grau", "unbekannt", "gris", "cinza", "grigio", "grijs", "not set"),
    }.items()
    for word in words
}  # fmt: skip
COLOUR_NAMES = {
    "green": "green", "yellow": "amber", "orange": "amber", "amber": "amber", "red": "red", "pink": "red", "blue": "blue",
    "gray": "grey", "grey": "grey",
}  # fmt: skip
COLOURS = {
    "lifecycle": {"green": "done", "blue": "in_progress", "grey": "not_started"},
    "health": {"green": "on_track", "amber": "at_risk", "red": "off_track"},
}


class Suggestion(msgspec.Struct, frozen=True):
    """A rule for one word. `becomes` is by axis: {"lifecycle": "done"}, {"health": "at_risk"}, or both."""

    becomes: dict[str, str]
    confidence: float
    """0-1"""
    because: tuple[str, ...]
    conflict: str = ""
    """Which signs contradict each other; a person decides."""


def suggest(
    role: str,
    word: str,
    *,
    category: str | None = None,
    colour: str | None = None,
    former: tuple[str, Rule] | None = None,
) -> Suggestion | None:
    """What a word of a role may mean, or None where nothing tells.

    category: the tracker's own hint. colour: a name or "#rrggbb". former: what the same id was called, and that name's rule.
    """
    signs: list[tuple[float, dict[str, str], str]] = []
    if former is not None:
        signs.append((SURE, _axes(former[1]), f"it was called '{former[0]}', which has a rule"))
    axis = "lifecycle" if role in ("lifecycle", "resolution") else "health"
    if axis == "lifecycle" and category in CATEGORY:
        signs.append((LIKELY, {"lifecycle": CATEGORY[category]}, f"the tracker's category '{category}'"))
    if role in ("lifecycle", "health", "resolution") and (meant := _meant(word, axis)):
        signs.append((GUESS, meant, "the word itself"))
    if (hue := hue_of(colour)) and (painted := COLOURS[axis].get(hue)):
        signs.append((GUESS if axis == "health" else HALVES, {axis: painted}, f"its colour {hue}"))
    if not signs:
        return None
    signs.sort(key=lambda s: -s[0])
    confidence, becomes, _ = signs[0]
    against = [(b, why) for c, b, why in signs[1:] if c >= GUESS and _contradict(becomes, b)]
    agreeing = [why for _, b, why in signs if not _contradict(becomes, b)]
    for _, more, _ in signs[1:]:
        if not _contradict(becomes, more):
            becomes = {**more, **becomes}
    if against:
        other, why = against[0]
        conflict = f"{signs[0][2]} says {_shown(becomes)}, {why} says {_shown(other)}"
        return Suggestion(becomes, HALVES, tuple(agreeing), conflict)
    bonus = 0.05 * (len(agreeing) - 1)
    return Suggestion(becomes, round(min(confidence + bonus, 0.99), 2), tuple(agreeing))


def _axes(rule: Rule) -> dict[str, str]:
    return {a: str(v) for a, v in (("lifecycle", rule.lifecycle), ("health", rule.health)) if v is not None}


def _meant(word: str, axis: str) -> dict[str, str] | None:
    """What the word says by itself, on either axis; the built-in scales know words that speak of both."""
    key = folded(word).strip("!?.… ")
    built_in = NAMED["words"].get(key) or (NAMED["rag"].get(key) if axis == "health" else None)
    if built_in:
        return {a: v for a, v in built_in.items() if v not in ("unknown", "not_applicable")} or {"health": "unknown"}
    lists = {"lifecycle": LIFECYCLE, "health": HEALTH}
    for name in (axis, "health" if axis == "lifecycle" else "lifecycle"):
        if key in lists[name]:
            return {name: lists[name][key]}
    return None


def _contradict(one: Dict[str, str], other: Dict[str, str]) -> bool:
    return any(axis in one and one[axis] != value for axis, value in other.items())


def _shown(becomes: Dict[str, str]) -> str:
    return " + ".join(becomes.values())


def hue_of(colour: str | None) -> str | None:
    """A colour as green, amber, red, blue or grey; None for one that is none of them, or too pale to tell."""
    if colour is None:
        return None
    if not colour.startswith("#"):
        return COLOUR_NAMES.get(colour.casefold().removesuffix("_background"))
    red, green, blue = (int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5))
    hue, saturation, value = colorsys.rgb_to_hsv(red, green, blue)
    if saturation < 0.12:
        return "grey" if value < 0.95 else None
    for name, upper in (("red", 20), ("amber", 65), ("green", 170), ("blue", 260), (None, 330), ("red", 361)):
        if hue * 360 < upper:
            return name
    return None


AT_LEAST = {"confidence_0_1": 0, "confidence_1_10": 1, "percent": 20}
"""What some number must exceed to speak of a scale: an 11 among judgements from 1 to 10 is a slip, not a percentage."""


def scale_for(role: str, words: Sequence[str]) -> str | None:
    """A built-in scale that has every one of these words, or every one of these numbers; None where none does."""
    if not words:
        return None
    if role in ("lifecycle", "health"):
        names = ("rag", "words") if role == "health" else ("words",)
        return next((n for n in names if all(folded(w) in NAMED[n] for w in words)), None)
    try:
        numbers = [float(w) for w in words]
    except ValueError:
        return None
    for name in ("confidence_0_1", "confidence_1_10", "percent"):
        low, high = BANDS[name][:2]
        if max(numbers) > AT_LEAST[name] and all(low <= n <= high for n in numbers):
            return name
    return None


ROLE_WORDS: dict[str, tuple[str, ...]] = {
    "lifecycle": ("status", "state", "stage", "phase", "zustand", "stand", "état", "estado", "fase", "stato", "ステータス", "状態", "状态", "الحالة", "حالة"),
    "health": ("rag", "health", "ampel", "traffic light", "colour", "color", "gesundheit", "santé", "salud", "semáforo", "semaforo", "健全性", "健康度", "الصحة"),
    "owner": ("owner", "assignee", "responsible", "lead", "verantwortlich", "zuständig", "responsable", "responsável", "dueño", "eigenaar", "担当", "担当者", "负责人", "المسؤول", "المالك"),
    "due_on": ("due", "deadline", "due date", "close date", "target date", "fällig", "termin", "bis", "échéance", "fecha límite", "prazo", "scadenza", "期限", "期日", "締切", "截止日期", "الموعد النهائي", "تاريخ الاستحقاق"),
    "start_on": ("start", "start date", "begin", "beginn", "début", "inicio", "início", "開始日", "开始日期", "تاريخ البدء"),
    "confidence": ("confidence", "zuversicht", "konfidenz", "confiance", "confianza", "confiança", "信頼度", "自信度", "信心", "الثقة"),
    "progress": ("progress", "% done", "% complete", "percent", "fortschritt", "avancement", "progreso", "progresso", "進捗", "进度", "التقدم"),
    "blocked": ("blocked", "flagged", "blockiert", "bloqué", "bloqueado"),
    "depends_on": ("needs", "depends on", "blocked by", "waiting for", "dependencies", "braucht", "abhängig von", "wartet auf", "dépend de", "depende de", "依存", "依存関係", "依赖", "يعتمد على"),
    "decision_needed": ("decision needed", "decision", "entscheidung", "décision", "decisión"),
}  # fmt: skip
ROLE_TYPES = {"status": "lifecycle", "people": "owner", "PEOPLE_CHIP": "owner", "date": "due_on", "DATE": "due_on"}
"""The trackers' own kinds of fields that speak of a role, whatever the field is called."""


def roles_for(fields: Sequence[tuple[str, str]], taken: Collection[str] = ()) -> dict[str, int]:
    """Role to the place in `fields` (name, type) of the field that may have it: by its name, else by its type where it is the only
    one of that type. `taken`: roles that are bound already."""
    found: dict[str, int] = {}
    for n, (name, _) in enumerate(fields):
        if (role := role_for(name)) and role not in taken:
            found.setdefault(role, n)
    for kind, role in ROLE_TYPES.items():
        alike = [n for n, (_, type_) in enumerate(fields) if type_ == kind]
        if len(alike) == 1 and alike[0] not in found.values() and role not in taken:
            found.setdefault(role, alike[0])
    return found


def role_for(name: str) -> str | None:
    """The role that a field's name speaks of: the whole name, or a word of it."""
    key = folded(name.removesuffix("__c").replace("_", " "))
    for role, words in ROLE_WORDS.items():
        if key in words:
            return role
    parts = set(key.replace("(", " ").replace(")", " ").split())
    for role in ("confidence", "progress", "health", "owner", "due_on"):
        if any(w in parts for w in ROLE_WORDS[role] if len(w) > 2 and w not in ("bis", "lead", "color", "colour")):
            return role
    return None
