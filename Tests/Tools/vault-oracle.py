#!/usr/bin/env python3
"""Seals and opens files as docs/backups.md says, with another implementation: Debian's python3-cryptography.

    vault-oracle.py open NAME DIGITS SEALED PLAIN
    vault-oracle.py seal NAME DIGITS PLAIN SEALED
"""
import hashlib
import os
import sys

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MAGIC, PIECE, TAG = b"BURSARV1", 1 << 20, 16


def nonce(file_id, number):
    return file_id + number.to_bytes(4, "big")


def opened(data, name, key):
    assert data[:8] == MAGIC
    file_id, place, own = data[8:16], 17, None
    for _ in range(data[16]):
        end = place + 1 + data[place]
        recipient = data[place + 1 : end]
        if recipient == name:
            own = AESGCM(key).decrypt(data[end : end + 12], data[end + 12 : end + 60], MAGIC + file_id + recipient)
        place = end + 60
    header, rest, plain, number = data[:place], data[place:], b"", 0
    while True:
        piece, rest = rest[: PIECE + TAG], rest[PIECE + TAG :]
        aside = hashlib.sha256(header).digest() + (b"\0" if rest else b"\1")
        plain += AESGCM(own).decrypt(nonce(file_id, number), piece, aside)
        if not rest:
            return plain
        number += 1


def sealed(plain, name, key):
    file_id, own, wrap = os.urandom(8), os.urandom(32), os.urandom(12)
    header = MAGIC + file_id + b"\1" + bytes([len(name)]) + name + wrap
    header += AESGCM(key).encrypt(wrap, own, MAGIC + file_id + name)
    result, number = header, 0
    while True:
        piece, plain = plain[:PIECE], plain[PIECE:]
        aside = hashlib.sha256(header).digest() + (b"\0" if plain else b"\1")
        result += AESGCM(own).encrypt(nonce(file_id, number), piece, aside)
        if not plain:
            return result
        number += 1


if __name__ == "__main__":
    act, key_name, digits, source, target = sys.argv[1:]
    with open(source, "rb") as file:
        content = file.read()
    work = {"open": opened, "seal": sealed}[act]
    with open(target, "wb") as file:
        file.write(work(content, key_name.encode(), bytes.fromhex(digits)))
