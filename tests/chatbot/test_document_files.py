import json

import pytest

from apps.chatbot.dataset import load
from apps.chatbot.document_files import read_documents
from apps.chatbot.passages import audience_of, blocks, cut
from apps.chatbot.records import Audience, Document
from core.errors import DataError

MARKDOWN = """# Ember kettle

Boils 1.2 litres.

## Messages

- **E1**: dry-boil protection. Let it cool for 10 minutes.
- **E3**: sensor, needs service.

| step | °C |
| --- | --- |
| 1 | 40 |
| 2 | 100 |

### Sounds

```
# not a heading
beep
```
"""


def test_passages_are_the_document_cut_at_its_headings():
    document = Document("d", "Ember kettle", MARKDOWN)
    passages = cut(document)
    assert all(one.text == MARKDOWN[one.start : one.end] for one in passages)
    assert [one.heading for one in passages] == ["", "Messages", "Messages › Sounds"]
    assert "E1" in passages[1].text and "| 2 | 100 |" in passages[1].text
    assert "# not a heading" in passages[2].text
    assert passages[1].indexed_text.startswith("Ember kettle\nMessages\n- **E1**")


def test_every_word_of_a_document_is_in_exactly_one_passage():
    text = MARKDOWN + "\n\n".join(f"第{n}段。" + "这是一段比较长的说明文字，讲的是水壶的用法。" * 12 for n in range(6))
    passages = cut(Document("d", "t", text, language="zh"))
    places = [place for one in passages for place in range(one.start, one.end)]
    assert len(places) == len(set(places))
    left = {place for place, letter in enumerate(text) if letter.isalnum()} - set(places)
    headings = {line for line in text.splitlines() if line.startswith("#") and "not" not in line}
    assert "".join(text[place] for place in sorted(left)) == "".join(
        letter for line in text.splitlines() if line in headings for letter in line if letter.isalnum()
    )
    assert max(len(one.text) for one in passages) <= 480


def test_long_paragraphs_are_cut_between_sentences_and_monsters_between_characters():
    sentences = " ".join(f"This is sentence number {n} of a very long paragraph." for n in range(60))
    passages = cut(Document("d", "t", sentences))
    assert len(passages) > 2
    assert all(one.text.endswith(".") and one.text.startswith("This") for one in passages)
    monster = cut(Document("d", "t", "x" * 5000))
    assert "".join(one.text for one in monster) == "x" * 5000


def test_an_edit_leaves_the_other_passages_ids_as_they_are():
    before = cut(Document("d", "Ember kettle", MARKDOWN))
    after = cut(Document("d", "Ember kettle", MARKDOWN.replace("1.2 litres", "1.5 litres")))
    assert [one.id for one in before][1:] == [one.id for one in after][1:]
    assert before[0].id != after[0].id
    twice = cut(Document("d", "t", "# A\nsame words\n# A\nsame words"))
    assert len({one.id for one in twice}) == len(twice) == 2


def test_passages_inherit_audience_language_and_validity():
    (one,) = cut(Document("d", "t", "text", language="zh", audience=Audience.STAFF))
    assert (one.language, one.audience) == ("zh", Audience.STAFF)


@pytest.mark.parametrize(
    ("title", "text", "expected"),
    [
        ("Internal: Opening accounts", "text", Audience.STAFF),
        ("Ordering a card (Internal)", "text", Audience.STAFF),
        ("内部流程", "text", Audience.STAFF),
        ("Opening accounts", "Use `open_bank_account_4821` to open it.", Audience.STAFF),
        ("International transfers", "Call 6555 0147, order LL_20, see FAQ_page.", Audience.CUSTOMER),
    ],
)
def test_documents_for_staff_are_told_by_title_or_tool(title, text, expected):
    assert audience_of(title, text) is expected


def test_plain_blocks_of_windows_lines_keep_their_offsets():
    text = "one\r\ntwo\r\n\r\nthree"
    assert [text[one.start : one.end] for one in blocks(text)] == ["one\r\ntwo", "three"]


def test_markdown_with_a_front_matter_is_read(tmp_path):
    path = tmp_path / "kettle.en.md"
    path.write_text("---\ntitle: The kettle\nvalid_until: 2026-12-31\naudience: staff\n---\n# Ember\ntext", "utf-8")
    (one,) = read_documents(path)
    assert (one.title, one.text, one.audience) == ("The kettle", "# Ember\ntext", Audience.STAFF)
    assert one.valid_until.isoformat() == "2026-12-31"
    assert one.source == "kettle.en.md"


def test_the_same_source_keeps_its_id_when_the_text_changes(tmp_path):
    path = tmp_path / "a.md"
    path.write_text("# A\nfirst")
    first = read_documents(path).records[0]
    path.write_text("# A\nsecond")
    assert read_documents(path).records[0].id == first.id
    assert read_documents(path, source="folder/a.md").records[0].id != first.id


def test_text_in_gbk_is_read(tmp_path):
    path = tmp_path / "退货.txt"
    path.write_bytes("退货说明\n三十天内可以退货，收货后请在订单里申请，运费从退款里扣。".encode("gbk"))
    (one,) = read_documents(path)
    assert (one.title, one.language) == ("退货说明", "zh")


def test_html_is_read_without_its_scripts_and_menus(tmp_path):
    body = "<p>" + "Linen is washed at 40 degrees and never tumble dried hot. " * 5 + "</p>"
    path = tmp_path / "linen.html"
    path.write_text(
        f"<html><head><title>Linen care</title><script>steal()</script></head><body><nav>Home Shop</nav>"
        f"<article><h1>Linen care</h1><h2>Washing</h2>{body}<ul><li>no bleach</li></ul></article></body></html>"
    )
    (one,) = read_documents(path)
    assert one.title == "Linen care"
    assert "40 degrees" in one.text and "no bleach" in one.text
    assert "steal" not in one.text
    assert any(passage.heading.endswith("Washing") for passage in cut(one))


def test_word_documents_keep_headings_and_tables(tmp_path):
    import docx

    made = docx.Document()
    made.add_heading("Club terms", 0)
    made.add_heading("Levels", 1)
    made.add_paragraph("Silver from S$300 a year.")
    table = made.add_table(1, 2)
    table.rows[0].cells[0].text, table.rows[0].cells[1].text = "Gold", "S$1,000"
    made.save(str(tmp_path / "club.docx"))
    (one,) = read_documents(tmp_path / "club.docx")
    assert one.title == "Club terms"
    assert [passage.heading for passage in cut(one)] == ["Levels"]
    assert "| Gold | S$1,000 |" in one.text


def pdf(text: str) -> bytes:
    """A one-page PDF written by hand."""
    stream = f"BT /F1 24 Tf 72 700 Td ({text}) Tj ET".encode()
    parts = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, places = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(parts) + 1
    return out + b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (
        size, table, size, len(out),
    )  # fmt: skip


def test_pdf_text_is_read_and_a_scan_is_told(tmp_path):
    (tmp_path / "terms.pdf").write_bytes(pdf("Parcels are kept seven days"))
    (one,) = read_documents(tmp_path / "terms.pdf")
    assert (one.title, one.text) == ("terms", "Parcels are kept seven days")
    (tmp_path / "scan.pdf").write_bytes(pdf(""))
    rows = read_documents(tmp_path / "scan.pdf")
    assert len(rows) == 0
    assert "no text" in rows.problems[0].reason and rows.problems[0].line == 0
    assert load(tmp_path / "scan.pdf").failed == ("scan.pdf",)


@pytest.mark.parametrize("name", ["a.pdf", "a.docx"])
def test_files_that_are_not_what_they_say_are_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"nothing of the kind")
    with pytest.raises(DataError, match=r"that can be read"):
        read_documents(tmp_path / name)


def test_a_file_of_documents_is_read_row_by_row(tmp_path):
    rows = [
        {"id": "doc1", "title": "Internal: close", "content": "# Steps\nUse close_bank_account_7392."},
        {"id": "doc2", "title": "Fees", "content": "No fee."},
        {"id": "doc3", "title": "", "content": "text"},
    ]
    path = tmp_path / "documents.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    read = read_documents(path)
    assert [(one.id, one.audience) for one in read] == [("doc1", Audience.STAFF), ("doc2", Audience.CUSTOMER)]
    assert [(one.line, one.reason) for one in read.problems] == [(3, "The row has no title.")]
