#!/usr/bin/env python3
"""Asks `bursar khqr` every row of Tests/Vectors/khqr.jsonl through --jsonl, and judges the answers.

    khqr-vectors.py PROGRAM

Reading must give the tags, the MD5 and the verdict on the checksum that the row has, or refuse a text that is broken.
Making must give the row's text where its maker is right, what the official SDK does where the row says so, and a refusal
where the row has one. Prints a line for each wrong answer, and exits 1 when there is any.
"""

import json
import subprocess
import sys
from pathlib import Path

FILE = Path(__file__).resolve().parents[1] / "Vectors" / "khqr.jsonl"
DAY = 86_400_000
# Names of the makers that our form does not read by itself.
NAMES = {"phone_number": "mobile_number", "bakong_account_id": "account", "account_id": "account", "bakongAccountID": "account"}
# Where the makers are wrong and no remark says what is right.
DECIDED = {
    "bk-029": "made",  # a flag that our form has not
    "bk-035": "made",  # decimal text is what our form takes
    "bk-037": "made",  # no amount: a static code
    "bk-046": "made",  # a number that its maker rewrote
    "bk-053": 8, "kt-114": 8,  # a template of 116 characters
    "bk-055": 10,  # a reference of blanks
    "bk-056": "made",  # a reference that its maker trimmed
    "bk-057": 8,  # a line break inside of a reference
    "php-184": 8,  # a text that is read in two ways
}


def ask(program, command, questions):
    text = "".join(json.dumps(question, ensure_ascii=False) + "\n" for question in questions)
    run = subprocess.run([program, "khqr", command, "--jsonl"], input=text.encode(), capture_output=True, check=True)
    answers = [json.loads(line) for line in run.stdout.decode().splitlines()]
    assert len(answers) == len(questions), f"{len(questions)} asked, {len(answers)} answered"
    return answers


def question(row):
    asked = {NAMES.get(name, name): value for name, value in row["input"].items()}
    if "currency" in asked and isinstance(asked["currency"], int):
        asked["currency"] = {116: "KHR", 840: "USD"}[asked["currency"]]
    if isinstance(asked.get("amount"), float):
        asked["amount"] = repr(asked["amount"])
    inside = row.get("decoded", {}).get("99")
    inside = inside if isinstance(inside, dict) else {}
    asked["created_at_ms"] = int(inside.get("00", row.get("clock_ms", 1769580000000)))
    if "01" in inside:
        asked["expires_at_ms"] = int(inside["01"])
    elif row["id"].startswith("bk-") or row["input"].get("expire_in_ms"):
        asked["expires_at_ms"] = asked["created_at_ms"] + DAY * row["input"].get("expiration", 1)
    return asked


def wrong_reading(row, answer):
    if row["decode_error"]:
        return answer.get("error", {}).get("code") is None
    return answer != {"fields": row["decoded"], "md5": row["md5"], "crc_ok": row["crc_ok"]}


def wrong_making(row, answer, decode):
    official = row.get("official_sdk", {})
    code = answer.get("error", {}).get("code")
    decided = DECIDED.get(row["id"], official.get("error"))
    if row["kind"] == "qr" and any(remark.startswith("K-99-without-expiry") for remark in row["lint"]):
        decided = 45
    if decided == "made":
        return "qr" not in answer
    if decided:
        return code != decided
    if row["kind"] == "error":
        return code is None
    if "qr" not in answer:
        return True
    harmless = ("E-59-not-ans", "E-60-not-ans")
    if not official and all(remark.startswith(harmless) for remark in row["lint"]):
        return answer["qr"] != row["qr"] or answer["md5"] != row["md5"]
    wanted = json.loads(json.dumps(row["decoded"]))
    for place, value in official.items():
        tag, _, inner = place.partition(".")
        if inner:
            wanted[tag][inner] = value
        else:
            wanted[tag] = value
    if wanted["01"] == "11":
        wanted.pop("99", None)
    got = decode([{"qr": answer["qr"]}])[0]
    if not got["crc_ok"]:
        return True
    return any(got["fields"].get(tag) != value for tag, value in wanted.items() if tag not in ("54", "63")) or (
        float(got["fields"].get("54", 0)) != float(wanted.get("54", 0))
    )


def main():
    program = sys.argv[1]
    rows = [json.loads(line) for line in FILE.read_text().splitlines()]
    codes = [row for row in rows if row["kind"] == "qr"]
    # A bank's own layout is none of ours to make.
    made = [row for row in rows if row["kind"] != "crc" and "input" in row and "bank" not in row["input"]]
    decode = lambda questions: ask(program, "decode", questions)
    wrong = [
        f"{row['id']} read: {answer}"
        for row, answer in zip(codes, decode([{"qr": row["qr"]} for row in codes]))
        if wrong_reading(row, answer)
    ]
    wrong += [
        f"{row['id']} made: {answer}"
        for row, answer in zip(made, ask(program, "encode", [question(row) for row in made]))
        if wrong_making(row, answer, decode)
    ]
    print("\n".join(wrong + [f"{len(codes)} codes read, {len(made)} made or refused, {len(wrong)} wrong"]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
