import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, test } from "vitest";
import { data, FormatError } from "../src/node.js";
import { expectNoLeaks, own } from "./support/loading.js";
import { sharedFile } from "./support/shared.js";

const { parseCsv, parsePairs, readCsv, readPairs, readText } = data;
expectNoLeaks();

const rowsOf = (table: data.Table): string[][] =>
  Array.from({ length: table.length }, (_, i) => table.names.map((name) => table.row(i)[name]!));

describe("parseCsv", () => {
  test("reads columns by the header's names", () => {
    const table = parseCsv("x,y\n1,2\n3,4\n");
    expect(table.names).toEqual(["x", "y"]);
    expect(table.length).toBe(2);
    expect(table.column("y")).toEqual(["2", "4"]);
    expect(table.row(1)).toEqual({ x: "3", y: "4" });
  });

  test("reads quoted separators, line ends and doubled quotes", () => {
    const table = parseCsv('a,b\r\n"1,5","say ""hi"""\r\n"two\r\nlines",""\r\n');
    expect(rowsOf(table)).toEqual([
      ["1,5", 'say "hi"'],
      ["two\r\nlines", ""],
    ]);
  });

  test.each(["\n", "\r\n", "\r"])("ends lines with %j, the last one or not", (end) => {
    for (const tail of ["", end, end + end]) {
      expect(rowsOf(parseCsv(`a,b${end}1,2${end}${end}3,${tail}`))).toEqual([
        ["1", "2"],
        ["3", ""],
      ]);
    }
  });

  test("takes other separators and quotes, and leaves a byte order mark out", () => {
    expect(rowsOf(parseCsv("\ufeffa;b\n'1;2';3", { separator: ";", quote: "'" }))).toEqual([["1;2", "3"]]);
    expect(parseCsv("\ufeffa\n1").names).toEqual(["a"]);
  });

  test("names columns by number without a header, or as it is told", () => {
    expect(parseCsv("1,2\n3,4", { header: false }).names).toEqual(["0", "1"]);
    const named = parseCsv("1,2\n3,4", { header: false, columns: ["p", "q"] });
    expect(named.column("p")).toEqual(["1", "3"]);
    expect(parseCsv("x,y\n3,4", { columns: ["p", "q"] }).column("p")).toEqual(["3"]);
  });

  test("leaves lines before the header out", () => {
    const table = parseCsv('150,"4\nx,y\n1,2', { skipLines: 1 });
    expect(rowsOf(table)).toEqual([["1", "2"]]);
    expect(() => parseCsv("1\n2", { skipLines: 5 })).toThrow("text is empty");
  });

  const bad: [string, string, string][] = [
    ["a quote that does not end", 'a,b\n1,2\n3,"4\n5', 'line 3, column 2: the " that opens the field is not closed'],
    ["a quote within a field", 'a,b\n1,2"', 'line 2, column 2: a " within a field'],
    ["text behind a quote", 'a,b\n"1"x,2', 'line 2, column 1: "x" follows the closing "'],
    ["a short row", "a,b\n1,2\n\n3", "line 4 has 1 fields; expected 2"],
    ["a long row, after lines within quotes", 'a,b\n"1\n\n",2\n3,4,5', "line 5 has 3 fields; expected 2"],
    ["columns of one name", "a,b,a\n1,2,3", 'line 1, column 3: "a" is there twice'],
    ["nothing", "\n\n", "text is empty"],
  ];
  test.each(bad)("refuses %s", (_, text, message) => {
    expect(() => parseCsv(text)).toThrow(FormatError);
    expect(() => parseCsv(text)).toThrow(message);
  });

  test("refuses bad options", () => {
    expect(() => parseCsv("a", { separator: ",," })).toThrow("expected one character");
    expect(() => parseCsv("a", { quote: "," })).toThrow("the same character");
    expect(() => parseCsv("a", { headers: true } as never)).toThrow('unknown option "headers"');
    expect(() => parseCsv("a,b", { columns: ["a"] })).toThrow("line 1 has 2 fields; expected 1");
    expect(() => parseCsv(3 as never)).toThrow("text is a number");
  });
});

describe("Table", () => {
  test("makes a tensor of numeric columns, in the order asked for", () => {
    const table = parseCsv("a,b,name\n1, 2.5 ,x\n-3e1,.5,y");
    const t = own(table.numbers(["b", "a"]));
    expect(t.tolist()).toEqual([
      [2.5, 1],
      [0.5, -30],
    ]);
    expect(own(parseCsv("a\n1").numbers()).shape).toEqual([1, 1]);
    expect(() => table.numbers()).toThrow('line 2, column 3 ("name"): "x" is no number');
  });

  test.each(["0x10", "1_0", "Infinity", "1e400", "1e39", "--1", "1 2"])("refuses %s as a number", (text) => {
    expect(() => parseCsv(`a\n${text}`).values("a")).toThrow(FormatError);
    expect(() => parseCsv(`a\n${text}`).values("a")).toThrow("line 2, column 1");
  });

  test("refuses missing values unless it is told what they become", () => {
    const table = parseCsv("a,b\n1,NA\n,4");
    expect(() => table.values("b")).toThrow('line 2, column 2 ("b"): the value is missing');
    expect([...table.values("b", { missing: "nan" })]).toEqual([NaN, 4]);
    expect([...table.values("a", { missing: -1 })]).toEqual([1, -1]);
    expect(() => table.values("a", { missing: "mean" as never })).toThrow('missing is "mean"');
    expect([...parseCsv("a\n?", { missing: ["?"] }).values("a", { missing: 0 })]).toEqual([0]);
    expect(() => parseCsv("a\nNA", { missing: ["?"] }).values("a")).toThrow("no number");
  });

  test("drops rows with missing values, and still tells the lines of the others", () => {
    const table = parseCsv("a,b\n1,NA\n2,x\n,4").dropMissing();
    expect(rowsOf(table)).toEqual([["2", "x"]]);
    expect(() => table.values("b")).toThrow("line 3, column 2");
    expect(parseCsv("a,b\n1,NA\n,4").dropMissing(["a"]).length).toBe(1);
  });

  test("selects rows, again and again", () => {
    const table = parseCsv("a\n1\n2\n3");
    expect(rowsOf(table.select([2, 0, 2]))).toEqual([["3"], ["1"], ["3"]]);
    expect(() => table.select([3])).toThrow("index is 3");
    expect(() => table.row(-1)).toThrow("index is -1");
  });

  test("numbers the classes of a column, by size or by name", () => {
    const table = parseCsv("c,n\nb,10\na,9\nb,10");
    expect(table.categories("c")).toEqual({ classes: ["a", "b"], codes: Int32Array.of(1, 0, 1) });
    expect(table.categories("n")).toEqual({ classes: ["9", "10"], codes: Int32Array.of(1, 0, 1) });
    expect(() => parseCsv("c,d\n,1").categories("c")).toThrow("line 2, column 1");
    expect(() => table.column("x")).toThrow('no column "x"; expected one of c, n');
  });
});

describe("parsePairs", () => {
  test("reads two texts of each line, and leaves the rest of it out", () => {
    expect(parsePairs("Go.\tVa !\tCC-BY\r\n\nHi.\tSalut !")).toEqual([
      ["Go.", "Va !"],
      ["Hi.", "Salut !"],
    ]);
    expect(parsePairs("a|b\nc|d\n", { separator: "|", maxPairs: 1 })).toEqual([["a", "b"]]);
    expect(parsePairs("")).toEqual([]);
  });

  test("refuses a line without a separator, and bad options", () => {
    expect(() => parsePairs("a\tb\n\nc")).toThrow(FormatError);
    expect(() => parsePairs("a\tb\n\nc")).toThrow('line 3 has no "\\t"');
    expect(() => parsePairs("a", { separator: "" })).toThrow("separator");
    expect(() => parsePairs("a", { max: 1 } as never)).toThrow('unknown option "max"');
  });
});

describe("reading text files", () => {
  const folder = mkdtempSync(join(tmpdir(), "quadlane-csv-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const onDisk = (name: string, bytes: Uint8Array | string): string => {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    return path;
  };

  test("takes plain and compressed files", () => {
    expect(readText(onDisk("a.txt", "\ufeffété"))).toBe("été");
    expect(readText(onDisk("a.gz", gzipSync("été")))).toBe("été");
    expect(rowsOf(readCsv(onDisk("b.gz", gzipSync("1 2\n3 4")), { separator: " ", header: false }))).toEqual([
      ["1", "2"],
      ["3", "4"],
    ]);
    expect(readPairs(onDisk("c.tsv", "a\tb"), { maxPairs: 5 })).toEqual([["a", "b"]]);
  });

  test("refuses what is no UTF-8, what expands too far, and unknown options", () => {
    expect(() => readText(onDisk("d.txt", Uint8Array.of(0x61, 0xff)))).toThrow(FormatError);
    const zipped = onDisk("e.gz", gzipSync("a".repeat(1000)));
    expect(() => readText(zipped, { maxBytes: 999 })).toThrow("expected at most 999");
    expect(() => readCsv(zipped, { maxBytes: 999 })).toThrow("expected at most 999");
    expect(() => readPairs(zipped, { maxBytes: 999 })).toThrow("expected at most 999");
    expect(() => readCsv(zipped, { limit: 3 } as never)).toThrow('unknown option "limit"');
    expect(() => readText(zipped, { limit: 3 } as never)).toThrow('unknown option "limit"');
  });

  const iris = sharedFile("tabular/iris.csv");
  test.runIf(iris !== null)("reads the iris flowers, which only ../shared has", () => {
    const table = readCsv(iris!, { header: false, skipLines: 1 });
    const x = own(table.numbers(["0", "1", "2", "3"]));
    expect(x.shape).toEqual([150, 4]);
    expect(table.categories("4").classes).toEqual(["0", "1", "2"]);
  });

  const heat = sharedFile("timeseries/ETTh1.csv");
  test.runIf(heat !== null)("reads an hourly series, which only ../shared has", () => {
    const table = readCsv(heat!);
    expect(table.length).toBe(17420);
    expect(own(table.numbers(table.names.slice(1))).shape).toEqual([17420, 7]);
  });
});
