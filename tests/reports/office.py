#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What two other programs read in a workbook, against the records that it was made of.

  office.py any|speed|lease DIR CSV-DIR     DIR: report.xlsx and records.ndjson; CSV-DIR: its sheets as LibreOffice Calc wrote them, texts quoted

Prints "ok NAME" and "not ok NAME" with what differs; ends with 3 when something does."""
import datetime
import json
import os
import re
import sys

import openpyxl

kind, where, calc = sys.argv[1:4]
records = [json.loads(line) for line in open(f"{where}/records.ndjson", encoding="utf-8")]
failed = False


def tell(name, differences):
    global failed
    failed = failed or bool(differences)
    print(("not ok " if differences else "ok ") + name)
    for text in differences[:5]:
        print("#   " + text[:300])


def read_csv(path):
    """Rows of (quoted, text)."""
    text = open(path, encoding="utf-8", newline="").read()
    rows, row, at = [], [], 0
    while at < len(text):
        if text[at] == '"':
            end = at + 1
            while True:
                end = text.index('"', end)
                if text[end + 1:end + 2] != '"':
                    break
                end += 2
            row.append((True, text[at + 1:end].replace('""', '"')))
            at = end + 1
        else:
            end = re.compile(r"[,\r\n]").search(text, at)
            end = end.start() if end else len(text)
            row.append((False, text[at:end]))
            at = end
        if at >= len(text) or text[at] in "\r\n":
            at += 2 if text[at:at + 2] == "\r\n" else 1
            rows.append(row)
            row = []
        else:
            at += 1
            if at >= len(text) or text[at] in "\r\n":
                row.append((False, ""))
    return rows


def units(text):
    return len(text.encode("utf-16-le")) // 2


def clean(text):
    """As reports write a text: what cannot be shown is marked, what a cell does not take is cut with a mark."""
    text = re.sub("[\x00-\x08\x0b-\x1f\x7f]", "\ufffd", text)
    if units(text) <= 32767:
        return text
    while units(text) > 32766:
        text = text[:-max(1, (units(text) - 32766) // 2)]
    return text + "\u2026"


def of_calc(cell, wanted):
    quoted, text = cell
    if wanted is None:
        return text == ""
    if isinstance(wanted, str):
        return quoted and text == wanted
    if isinstance(wanted, datetime.datetime):
        return not quoted and text == wanted.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(wanted, datetime.date):
        return not quoted and text == wanted.isoformat()
    percent = text.endswith("%")
    digits = text.rstrip("%").replace(",", "")
    try:
        places = len(digits.split(".")[1]) if "." in digits else 0
        seen = float(digits) / (100 if percent else 1)
    except ValueError:
        return False
    return not quoted and abs(seen - wanted) <= 0.5000001 * 10.0 ** -(places + (2 if percent else 0)) or seen == wanted


def of_openpyxl(value, wanted):
    if isinstance(wanted, datetime.date) and not isinstance(wanted, datetime.datetime):
        return isinstance(value, datetime.datetime) and value.date() == wanted
    if isinstance(wanted, (int, float)):
        return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value - wanted) <= 1e-12 * max(1, abs(wanted))
    return type(value) is type(wanted) and value == wanted


book = openpyxl.load_workbook(f"{where}/report.xlsx", read_only=True)


def compare(sheet, key, wanted):
    """wanted: {row's key: {column: value}}; key: names of its columns. Each row is there once."""
    grid = read_csv(f"{calc}/report-{sheet}.csv")
    other = [[cell.value for cell in row] for row in book[sheet].iter_rows()]
    names = [text for _, text in grid[0]]
    tell(f"{sheet}: both readers see the same columns", [] if names == other[0] else [f"{names} {other[0]}"])
    tell(f"{sheet}: and as many rows as there are", [] if len(grid) == len(other) == len(wanted) + 1 else [f"{len(grid) - 1} {len(other) - 1}, not {len(wanted)}"])
    wrong = {"LibreOffice": [], "openpyxl": []}
    for index, row in enumerate(grid[1:], 1):
        name = tuple(row[names.index(one)][1] for one in key)
        expected = wanted.pop(name, None)
        if expected is None:
            wrong["LibreOffice"].append(f"a row that was not there: {name}")
            continue
        for column, value in expected.items():
            at = names.index(column)
            read = other[index][at] if at < len(other[index]) else None
            if not of_calc(row[at] if at < len(row) else (False, ""), value):
                wrong["LibreOffice"].append(f"{name} {column}: {row[at]!r}, not {value!r}")
            if not of_openpyxl(read, value):
                wrong["openpyxl"].append(f"{name} {column}: {read!r}, not {value!r}")
    if wanted:
        wrong["LibreOffice"].append(f"rows that are missing: {list(wanted)[:3]}")
    for program, differences in wrong.items():
        tell(f"{sheet}: {program} reads each value as it is in the records", differences)


def date(text):
    return datetime.date.fromisoformat(text) if text and re.fullmatch(r"\d{4}-\d\d-\d\d", text) else text


def time(text):
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ") if text else None


def plain(value):
    return ("true" if value else "false") if isinstance(value, bool) else clean(value) if isinstance(value, str) else value


def dig(value, *path):
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


if kind == "any":
    compare("Records", ["id"], {(r["id"],): {name: plain(r[name]) for name in r} for r in records})
elif kind == "speed":
    wanted = {}
    for r in records:
        row = {"URL": r["url"], "Strategy": r["strategy"], "Run": r["run"], "Status": r["status"], "Error": r["error"], "client": dig(r, "labels", "client"),
               "Engine": r["engine"], "Lighthouse": r["lighthouse_version"], "Attempts": r["attempts"], "Fetched at": time(r["fetched_at"])}
        for title, name in [("Performance", "performance"), ("Accessibility", "accessibility"), ("Best practices", "best_practices"), ("SEO", "seo")]:
            row[title] = dig(r, "scores", name)
        for title, name in [("FCP ms", "fcp_ms"), ("LCP ms", "lcp_ms"), ("CLS", "cls"), ("TBT ms", "tbt_ms")]:
            row["Lab " + title] = dig(r, "lab", name)
        row["Bytes"] = dig(r, "lab", "total_bytes")
        for place in ["field", "origin"]:
            for title, name in [("LCP ms", "lcp_ms"), ("INP ms", "inp_ms"), ("CLS", "cls"), ("TTFB ms", "ttfb_ms")]:
                for part, member in [("p75", "p75"), ("category", "category"), ("good", "good"), ("needs improvement", "needs_improvement"), ("poor", "poor")]:
                    row[f"{place.capitalize()} {title} {part}"] = dig(r, place, name, member)
        row["Core Web Vitals"] = None if r["cwv_pass"] is None else "pass" if r["cwv_pass"] else "fail"
        wanted[r["url"], r["strategy"]] = row
    compare("All rows", ["URL", "Strategy"], wanted)
else:
    rent, fields, clauses = {}, {}, {}
    for r in records:
        document = r["document"]["name"]
        for one in r["rent"]:
            rent[document, one["from"]] = {"To": date(one["to"]), "Amount": one["amount"], "Currency": one["currency"], "Frequency": one["frequency"], "Tax": one["tax"],
                                           "Page": one["page"], "Quote": one["quote"], "Verified": "yes"}
        for one in r["clauses"]:
            clauses[document, one["topic"]] = {"Text": one["text"], "Page": one["page"], "Quote": one["quote"]}
        for name, field in r["fields"].items():
            for one in [field] + field.get("candidates", []) + field.get("also", []):
                fields[document, name, "" if one["page"] is None else str(one["page"])] = {"Value": date(one["value"]) if isinstance(one["value"], str) else one["value"],
                                                                                            "Unit": one["unit"], "Quote": one["quote"]}
    names = [r["document"]["name"] for r in records]
    compare("Rent", ["Document", "From"], rent)
    compare("Clauses", ["Document", "Topic"], clauses)
    # What no document speaks of is told once, of none of them.
    fields["", "guarantor", ""] = fields.pop(("high-street-lease.pdf", "guarantor", ""))
    fields.pop(("deed-of-variation.pdf", "guarantor", ""))
    compare("Fields", ["Document", "Field", "Page"], fields)
    compare("Documents", ["Document"], {(r["document"]["name"],): {"Type": r["document"]["type"], "Date": date(r["document"]["date"]), "Pages": r["document"]["pages"],
                                                                    "Tokens": r["tokens"]["total"], "SHA-256": r["document"]["sha256"]} for r in records})
formulas = [cell.coordinate for sheet in book for row in sheet.iter_rows() for cell in row if cell.data_type == "f"]
tell("no cell is a formula", formulas)
sys.exit(3 if failed else 0)
