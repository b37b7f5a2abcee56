// A reader of YAML 1.2, in the part of it that definitions need: blocks, flows, quotes and texts of several lines.

const INT = /^[-+]?(?:0|[1-9][0-9]{0,99})$/;
const FLOAT = /^[-+]?(?:(?:0|[1-9][0-9]{0,99})\.[0-9]*(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+)$/;
const NULL = /^(?:~|null|Null|NULL|)$/;
const BOOL = /^(?:true|True|TRUE|false|False|FALSE)$/;
const ESCAPES = { 0: "\0", a: "\x07", b: "\b", t: "\t", n: "\n", v: "\v", f: "\f", r: "\r", e: "\x1b", " ": " ", '"': '"', "/": "/", "\\": "\\", N: "\x85", _: "\xa0", L: "\u2028", P: "\u2029" };
const PLAIN_KEY = /^[A-Za-z0-9_-]{1,80}$/;
const DEPTH = 64;

/** Why a text is not YAML, and in which line, from 1. */
export class YamlError extends Error {
  constructor(message, line) {
    super(message);
    this.line = line;
  }
}

/** Returns the path below a key, as the server writes it. */
export const below = (path, key) =>
  typeof key === "number" ? `${path}[${key}]` : PLAIN_KEY.test(key) ? (path ? `${path}.${key}` : key) : `${path}[${JSON.stringify(key).replace(/^"|"$/g, "'")}]`;

/** One text, read line by line; flows and quotes may go over several. */
export class Reader {
  constructor(text) {
    this.text = text.replace(/\r\n?/g, "\n").replace(/^\ufeff/, "");
    this.rows = this.text.split("\n");
    this.row = 0;
    this.column = 0;
    this.lines = new Map();
    this.depth = 0;
  }

  read() {
    this.skip();
    if (this.rest() === "---") this.next();
    this.skip();
    if (this.isEnd) return null;
    const value = this.node(-1, "");
    this.skip();
    if (!this.isEnd) this.fail("Nothing was expected here: look at how far the lines are indented.");
    return value;
  }

  get isEnd() {
    return this.row >= this.rows.length;
  }

  fail(message) {
    this.failAt(this.row, message);
  }

  failAt(row, message) {
    throw new YamlError(message, Math.min(row, this.rows.length - 1) + 1);
  }

  /** What is left of the present line, without a comment at its very beginning. */
  rest() {
    return this.isEnd ? "" : this.rows[this.row].slice(this.column);
  }

  next() {
    this.row += 1;
    this.column = 0;
  }

  /** Goes to the next thing that is neither blank nor a comment. */
  skip() {
    for (; !this.isEnd; this.next()) {
      const [blank] = /^[ ]*/.exec(this.rest());
      const left = this.rest().slice(blank.length);
      if (left.startsWith("\t")) this.fail("Lines are indented by spaces, not by tabs.");
      if (left && !left.startsWith("#")) {
        this.column += blank.length;
        return;
      }
    }
  }

  /** Reads what comes next, if it is indented by more than `indent`; otherwise there is nothing. */
  node(indent, path) {
    this.skip();
    if (this.isEnd || this.column <= indent) return null;
    if ((this.depth += 1) > DEPTH) this.fail(`This is nested deeper than ${DEPTH} levels.`);
    const value = /^-(?:\s|$)/.test(this.rest()) ? this.sequence(path) : this.keyHere() ? this.mapping(path) : this.value(indent, path);
    this.depth -= 1;
    return value;
  }

  sequence(path) {
    const at = this.column;
    const items = [];
    while (!this.isEnd && this.column === at && /^-(?:\s|$)/.test(this.rest())) {
      const place = below(path, items.length);
      this.lines.set(place, this.row + 1);
      this.column += 1;
      items.push(this.inner(at, place));
      this.skip();
    }
    if (!this.isEnd && this.column > at) this.fail("This item is indented differently than those before it.");
    return items;
  }

  mapping(path) {
    const at = this.column;
    const found = {};
    while (!this.isEnd && this.column === at) {
      const key = this.keyHere();
      if (!key) this.fail("A key with a colon was expected here.");
      this.own(found, key.name);
      const place = below(path, key.name);
      this.lines.set(place, this.row + 1);
      this.column += key.length;
      found[key.name] = this.inner(at, place, true);
      this.skip();
    }
    if (!this.isEnd && this.column > at) this.fail("This line is indented differently than those before it.");
    return found;
  }

  own(found, name) {
    if (name === "__proto__" || Object.hasOwn(found, name)) this.fail(`The key ${JSON.stringify(name.slice(0, 80))} comes twice.`);
  }

  /** Reads the value behind a dash or a key: on the same line, or below. */
  inner(at, path, isPair = false) {
    const [blank] = /^\s*/.exec(this.rest());
    const left = this.rest().slice(blank.length);
    if (blank.includes("\t")) this.fail("Lines are indented by spaces, not by tabs.");
    if (left && !(blank && left.startsWith("#"))) {
      this.column += blank.length;
      if (!isPair) return this.node(at, path);
      return this.value(at, path);
    }
    this.next();
    this.skip();
    // A list may stand below its key without being indented.
    if (isPair && !this.isEnd && this.column === at && /^-(?:\s|$)/.test(this.rest())) return this.sequence(path);
    return this.node(at, path);
  }

  /** Returns the key that the line begins with, and its length with the colon; nothing where there is none. */
  keyHere() {
    const left = this.rest();
    const quoted = /^"(?:[^"\\]|\\.)*"|^'(?:[^']|'')*'/.exec(left);
    if (quoted) {
      const colon = /^\s*:(?=\s|$)/.exec(left.slice(quoted[0].length));
      return colon && { name: this.quoted(quoted[0]), length: quoted[0].length + colon[0].length };
    }
    if (/^[[{\]},"'&*!|>%@`]/.test(left)) return undefined;
    if (/^\?(?:\s|$)/.test(left)) this.fail("Keys of several lines are not supported.");
    const colon = /:(?=\s|$)/.exec(left.replace(/\s#.*$/, (comment) => " ".repeat(comment.length)));
    if (!colon) return undefined;
    return { name: this.nameOf(left.slice(0, colon.index).replace(/ +$/, "")), length: colon.index + 1 };
  }

  nameOf(text) {
    if (text.includes("\t")) this.fail("A tab within a text needs quotes.");
    if (text === "<<") this.fail("Merging with << is not supported.");
    if (/^-(?:\s|$)/.test(text)) this.fail("A list begins on a line of its own.");
    if (this.plain(text) !== text) this.fail("A key is a text: write it in quotes.");
    return text;
  }

  /** Reads a value that begins here and is no block of keys or items. */
  value(indent, path) {
    const left = this.rest();
    if (/^[|>]/.test(left)) return this.textBlock(indent);
    if (/^[&*]/.test(left)) this.fail("Anchors are not supported: write it out.");
    if (/^-(?:\s|$)/.test(left)) this.fail("A list begins on a line of its own.");
    if (/^[!%@`\]},]/.test(left)) this.fail("Write texts that begin with this character in quotes.");
    if (/^[[{"']/.test(left)) {
      this.opened = this.row;
      const value = this.flow(path, indent);
      if (this.rest().trim() ? !/^ +#/.test(this.rest()) : this.rest().includes("\t")) this.fail("Nothing was expected behind this.");
      this.next();
      return value;
    }
    return this.plainLines(indent);
  }

  plainLines(indent) {
    const words = [];
    for (;;) {
      const text = this.rest().replace(/(?:^|\s)#.*$/, "").trim();
      if (/:(?:\s|$)/.test(text)) this.fail("A text with a colon needs quotes.");
      if (this.rest().includes("\t")) this.fail("A tab within a text needs quotes.");
      if (words.length && /^-\s/.test(text)) this.fail("Look at how far this line is indented.");
      words.push(text);
      const isCut = /\s#/.test(this.rest());
      this.next();
      const before = this.row;
      this.skip();
      if (this.isEnd || this.column <= indent || isCut) break;
      if (this.row > before) this.fail("A text of several paragraphs needs quotes, or | in front.");
    }
    return words.length > 1 ? words.join(" ") : this.plain(words[0]);
  }

  /** Returns what a text without quotes stands for. */
  plain(text) {
    if (NULL.test(text)) return null;
    if (BOOL.test(text)) return text.toLowerCase() === "true";
    if (!INT.test(text) && !FLOAT.test(text)) return text;
    const number = Number(text);
    if (!Number.isFinite(number) || (INT.test(text) && !Number.isSafeInteger(number))) this.fail("This number is too large: write it in quotes.");
    return number;
  }

  /** Reads a text behind | or >, which ends where the lines are no longer indented. */
  textBlock(indent) {
    const head = /^([|>])([-+]?)(?: +#.*| *)$/.exec(this.rest());
    if (!head) this.fail("Behind | and > there may be - or +, and nothing else.");
    this.next();
    const rows = [];
    let margin;
    for (; !this.isEnd; this.next()) {
      const row = this.rows[this.row];
      const blank = /^ */.exec(row)[0].length;
      if (row.trim()) {
        margin ??= blank;
        if (blank < margin && blank > Math.max(indent, -1)) this.fail("This line is indented less than the text that it belongs to.");
        if (margin <= indent || blank < margin) break;
      }
      if (margin === undefined && row.includes("\t")) this.fail("Lines are indented by spaces, not by tabs.");
      rows.push(row.slice(margin ?? row.length));
    }
    this.column = 0;
    // What the last line break of all ends is a line, and not one more behind it.
    const isCut = this.isEnd && !(rows.at(-1) === "" && this.text.endsWith("\n") && (rows.pop(), true));
    if (head[1] === ">" && rows.some((row) => /^[ \t]/.test(row))) this.fail("Behind > all lines are indented alike; write | to keep them as they are.");
    const text = head[1] === "|" ? rows.join("\n") : folded(rows);
    if (head[2] === "+") return text + (rows.length && !isCut ? "\n" : "");
    const body = text.replace(/\n+$/, "");
    return head[2] === "-" || !body || (isCut && body === text) ? body : `${body}\n`;
  }

  // ------------------------------------------------------------------------------------------------------------ flows

  flow(path, indent) {
    const left = this.rest();
    if ((this.depth += 1) > DEPTH) this.fail(`This is nested deeper than ${DEPTH} levels.`);
    const value = left[0] === "[" ? this.flowList(path, indent) : left[0] === "{" ? this.flowMap(path, indent) : this.flowText(indent);
    this.depth -= 1;
    return value;
  }

  /** Goes to the next character of a flow, over lines and comments. */
  flowSkip(indent) {
    for (;;) {
      const [blank] = /^\s*/.exec(this.rest());
      const isFirst = this.column === 0;
      if (blank.includes("\t")) this.fail("Lines are indented by spaces, not by tabs.");
      this.column += blank.length;
      const left = this.rest();
      if (left && !(left[0] === "#" && (blank || isFirst))) {
        if (isFirst && blank.length <= indent && !/^[\]}]/.test(left)) this.fail("This has to be indented by more.");
        return left[0];
      }
      this.next();
      if (this.isEnd) this.failAt(this.opened, "A bracket is not closed.");
    }
  }

  flowList(path, indent) {
    const items = [];
    this.column += 1;
    while (this.flowSkip(indent) !== "]") {
      const place = below(path, items.length);
      this.lines.set(place, this.row + 1);
      const value = this.flowItem(place, indent);
      if (this.flowSkip(indent) === ":") this.fail("Write a pair within a list in braces.");
      items.push(value);
      this.flowComma("]", indent);
    }
    this.column += 1;
    return items;
  }

  flowMap(path, indent) {
    const found = {};
    this.column += 1;
    while (this.flowSkip(indent) !== "}") {
      const isQuoted = /^["']/.test(this.rest());
      const { row } = this;
      const name = isQuoted ? this.flowText(indent) : this.nameOf(this.flowPlain(indent));
      if (this.row > row && (isQuoted || name.includes(" "))) this.fail("A key stands on one line.");
      this.own(found, name);
      const place = below(path, name);
      this.lines.set(place, this.row + 1);
      found[name] = null;
      if (this.flowSkip(indent) === ":") {
        this.column += 1;
        if (!/^[,}]/.test(this.flowSkip(indent))) found[name] = this.flowItem(place, indent);
      }
      this.flowComma("}", indent);
    }
    this.column += 1;
    return found;
  }

  flowComma(end, indent) {
    const character = this.flowSkip(indent);
    if (character === ",") this.column += 1;
    else if (character !== end) this.fail(`A comma or ${end} was expected here.`);
  }

  flowItem(path, indent) {
    const left = this.rest();
    return /^[[{"']/.test(left) ? this.flow(path, indent) : this.plain(this.flowPlain(indent));
  }

  flowPlain(indent) {
    const words = [];
    if (/^,/.test(this.rest())) this.fail("There is a comma too many.");
    if (/^(?:[&*!%@`|>#]|[-?:](?:[\s,[\]{}]|$)|:)/.test(this.rest())) this.fail("Write texts that begin with this character in quotes.");
    for (;;) {
      const [text] = /^(?:[^,[\]{}:#]|:(?![\s,[\]{}]|$)|(?<!\s)#)*/.exec(this.rest());
      this.column += text.length;
      if (text.includes("\t")) this.fail("A tab within a text needs quotes.");
      words.push(text.trim());
      if (this.rest()) break;
      this.next();
      if (/^[,[\]{}:#]/.test(this.flowSkip(indent))) break;
    }
    return words.filter(Boolean).join(" ");
  }

  flowText(indent) {
    const quote = this.rest()[0];
    const pattern = quote === '"' ? /^"(?:[^"\\]|\\[^])*"/ : /^'(?:[^']|'')*'/;
    const rows = [this.rest()];
    for (let last = this.row; ; last += 1) {
      const found = pattern.exec(rows.join("\n"));
      if (found) {
        const lines = found[0].split("\n");
        if (lines.slice(1).some((line) => line.trim() && /^ */.exec(line)[0].length <= indent)) this.fail("This has to be indented by more.");
        this.column = lines.length > 1 ? lines.at(-1).length : this.column + found[0].length;
        this.row = last;
        return this.quoted(found[0]);
      }
      if (last + 1 >= this.rows.length) this.fail("A quote is not closed.");
      rows.push(this.rows[last + 1]);
    }
  }

  quoted(text) {
    const inner = text.slice(1, -1);
    if (text[0] === "'") return foldedQuote(inner).replace(/''/g, "'");
    return foldedQuote(inner.replace(/\\\n[ \t]*/g, "")).replace(/\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([^]))/g, (_, x, u, wide, other) => {
      if (other === undefined) return String.fromCodePoint(Math.min(0x10ffff, parseInt(x ?? u ?? wide, 16)));
      if (!(other in ESCAPES)) this.fail(`\\${other} means nothing in quotes; a backslash is written \\\\.`);
      return ESCAPES[other];
    });
  }
}

/** A line break within quotes is a space, and so many breaks as there are empty lines. */
const foldedQuote = (text) => text.replace(/[ \t]*\n[ \t\n]*/g, (gap) => "\n".repeat(gap.split("\n").length - 2) || " ");

/** The lines of a text behind >, joined; empty lines are the breaks. */
const folded = (rows) => rows.reduce((text, row, nth) => (row === "" ? `${text}\n` : text + (!nth || rows[nth - 1] === "" ? row : ` ${row}`)), "");
