"""Reads Swift source closely enough to check it: what is code, what is text, and where a function begins and ends."""

import re

_OPENING = re.compile(r'//|/\*|#*"""|#*"')
_COMMENT_EDGE = re.compile(r"/\*|\*/")


def code_only(source):
    """The source with comments and string literals blanked, at the same length and with the same lines."""
    out = []
    position = 0
    while True:
        found = _OPENING.search(source, position)
        if not found:
            return "".join(out) + source[position:]
        out.append(source[position : found.start()])
        end = _end_of(source, found)
        out.append(_blank(source[found.start() : end]))
        position = end


def without_comments(source):
    """The source with its comments blanked and its string literals kept."""
    out = []
    position = 0
    while True:
        found = _OPENING.search(source, position)
        if not found:
            return "".join(out) + source[position:]
        end = _end_of(source, found)
        piece = source[found.start() : end]
        out.append(source[position : found.start()])
        out.append(_blank(piece) if piece.startswith("/") else piece)
        position = end


def _blank(text):
    return re.sub(r"[^\n]", " ", text)


def _end_of(source, found):
    opening = found.group()
    if opening == "//":
        end = source.find("\n", found.end())
        return len(source) if end < 0 else end
    if opening == "/*":
        return _end_of_comment(source, found.end())
    return end_of_string(source, found.end(), opening)


def _end_of_comment(source, position):
    depth = 1
    while depth:
        edge = _COMMENT_EDGE.search(source, position)
        if not edge:
            return len(source)
        depth += 1 if edge.group() == "/*" else -1
        position = edge.end()
    return position


def end_of_string(source, position, opening):
    hashes = opening.count("#")
    closing = '"' * (len(opening) - hashes) + "#" * hashes
    escape = "\\" + "#" * hashes
    while position < len(source):
        if source.startswith(closing, position):
            return position + len(closing)
        if source.startswith(escape + "(", position):
            position = _end_of_interpolation(source, position + len(escape) + 1)
        elif source.startswith(escape, position):
            position += len(escape) + 1
        elif len(closing) - hashes == 1 and source[position] == "\n":
            return position  # not a string after all
        else:
            position += 1
    return len(source)


def _end_of_interpolation(source, position):
    depth = 1
    while depth and position < len(source):
        character = source[position]
        if character == '"':
            position = end_of_string(source, position + 1, '"')
            continue
        depth += {"(": 1, ")": -1}.get(character, 0)
        position += 1
    return position


def line_of(source, position):
    return source.count("\n", 0, position) + 1


def functions(code):
    """Every function of blanked source that has a body: its name, its attributes and modifiers, its body, its line."""
    for found in re.finditer(r"\bfunc\s+(\w+|`[^`]*`)", code):
        opening = _body(code, found.end())
        if opening is None:
            continue
        head = _head(code, found.start())
        yield found.group(1), head, code[opening : matching(code, opening)], line_of(code, found.start())


def _head(code, start):
    """The attributes and modifiers before a `func`: lines above belong to it while brackets are open or they begin with @."""
    lines = code[:start].split("\n")
    head = [lines.pop()]
    while lines:
        text = "\n".join([lines[-1], *head])
        is_open = text.count(")") > text.count("(") or text.count("}") > text.count("{")
        first = lines[-1].strip()
        if not is_open and not first.startswith("@"):
            break
        head.insert(0, lines.pop())
    return "\n".join(head)


def _body(code, position):
    """Where the body of a function begins, or None for a requirement of a protocol."""
    depth = 0
    for found in re.compile(r"[()\[\]{}]|\n\s*(?:func|var|let|init|static|associatedtype)\b").finditer(code, position):
        mark = found.group()
        if mark in "([":
            depth += 1
        elif mark in ")]":
            depth -= 1
        elif depth == 0:
            return found.start() if mark == "{" else None
        elif depth < 0:
            return None
    return None


def matching(code, opening):
    """The end of the block that begins at `opening`."""
    depth = 0
    for found in re.compile(r"[{}]").finditer(code, opening):
        depth += 1 if found.group() == "{" else -1
        if depth == 0:
            return found.end()
    return len(code)
