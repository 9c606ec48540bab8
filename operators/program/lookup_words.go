package program

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"unsafe"

	"github.com/headrace/headrace/kernels/group"
	"github.com/headrace/headrace/kernels/hash"
	"github.com/headrace/headrace/operators/batch"
)

// wordIndex finds keys of several columns as rows of words: a text is its number among the texts that the table has in that column, an
// integer its distance from the table's least, and a float its bits. Where a key is then a small number, a list has its row.
type wordIndex struct {
	fields []wordField
	words  int
	nulls  bool // a key of the table has a null: then every column has a bit for it
	direct []int32
	table  *group.Table // else
}

// wordsMax is how many words a key may have: a row is looked up without allocating.
const wordsMax = 16

// directBits is how long a list may be: what stays in a cache.
const directBits = 20

// wordField is where a column's values lie in a key.
type wordField struct {
	value, null wordBits
	texts       *hash.Table // of a text column: 0 is null, i+1 text i, and the number behind those any other
	memo        *dictMemo   // of texts
	ranged      bool        // of an integer: it is its distance from least, up to span; span+1 is any other
	least, span uint64
}

type wordBits struct {
	word        int
	shift, bits uint
}

// newWordIndex reads the keys of a table. It is nil where keys would have too many words.
func newWordIndex(types []batch.Type, keys *batch.Column) (*wordIndex, error) {
	x := &wordIndex{fields: make([]wordField, len(types))}
	for j, t := range types {
		if t.Text() {
			x.fields[j].texts, x.fields[j].memo = &hash.Table{}, &dictMemo{}
		}
	}
	cells := make([]keyCell, len(types))
	least, most := make([]int64, len(types)), make([]int64, len(types))
	for j := range types {
		least[j], most[j] = math.MaxInt64, math.MinInt64
	}
	for i := range keys.N {
		if err := readKey(cells, types, keys.Text(i)); err != nil {
			return nil, err
		}
		for j, cell := range cells {
			x.nulls = x.nulls || cell.null
			switch {
			case cell.null:
			case cell.text != nil:
				x.fields[j].texts.Insert(cell.text)
			default:
				least[j], most[j] = min(least[j], int64(cell.word)), max(most[j], int64(cell.word))
			}
		}
	}
	for j, t := range types {
		f := &x.fields[j]
		if f.ranged = !t.Text() && !t.Float() && least[j] <= most[j] && uint64(most[j])-uint64(least[j]) < 1<<62; f.ranged {
			f.least, f.span = uint64(least[j]), uint64(most[j])-uint64(least[j])
		}
	}
	total := x.lay()
	switch {
	case x.words > wordsMax:
		return nil, nil
	case total <= directBits:
		x.direct = make([]int32, 1<<total)
		for i := range x.direct {
			x.direct[i] = -1
		}
	default:
		x.table = group.New(x.words)
	}
	const block = 1024
	rows, hashes, groups := make([]uint64, 0, block*x.words), make([]uint64, block), make([]int32, block)
	for i := range keys.N {
		_ = readKey(cells, types, keys.Text(i)) // it was read before
		at := len(rows)
		rows = rows[:at+x.words]
		if x.write(rows[at:], cells); x.direct != nil {
			x.direct[rows[at]], rows = int32(i), rows[:at]
		} else if len(rows) == cap(rows) || i == keys.N-1 {
			n := len(rows) / x.words
			hash.Rows(hashes[:n], rows, x.words)
			x.table.Insert(groups[:n], hashes[:n], rows) // keys differ, so that a group is a row
			rows = rows[:0]
		}
	}
	return x, nil
}

// keyCell is a column's value in a key.
type keyCell struct {
	null bool
	word uint64
	text []byte // nil: none
}

// readKey reads a key of several columns.
func readKey(cells []keyCell, types []batch.Type, key []byte) error {
	for j, t := range types {
		if len(key) == 0 || key[0] > 1 {
			return fmt.Errorf("malformed keys")
		}
		there := key[0] == 1
		key = key[1:]
		cells[j] = keyCell{null: !there}
		switch {
		case !there:
		case t.Text():
			if len(key) < 4 || uint64(len(key)-4) < uint64(binary.BigEndian.Uint32(key)) {
				return fmt.Errorf("malformed keys")
			}
			n := int(binary.BigEndian.Uint32(key))
			cells[j].text, key = key[4:4+n:4+n], key[4+n:]
		case len(key) < 8:
			return fmt.Errorf("malformed keys")
		default:
			cells[j].word, key = binary.BigEndian.Uint64(key), key[8:]
		}
	}
	if len(key) > 0 {
		return fmt.Errorf("malformed keys")
	}
	return nil
}

// lay gives every column its bits: the widest first, each in the first word with room. It returns how many there are.
func (x *wordIndex) lay() (total uint) {
	var pieces []*wordBits
	for j := range x.fields {
		f := &x.fields[j]
		switch {
		case f.texts != nil:
			f.value.bits = uint(bits.Len(uint(f.texts.Len() + 1)))
		case f.ranged:
			f.value.bits = uint(bits.Len64(f.span + 1))
		default:
			f.value.bits = 64
		}
		pieces = append(pieces, &f.value)
		if x.nulls && f.texts == nil {
			f.null.bits = 1
			pieces = append(pieces, &f.null)
		}
	}
	slices.SortStableFunc(pieces, func(a, b *wordBits) int { return cmp.Compare(b.bits, a.bits) })
	var used []uint
	for _, p := range pieces {
		at := slices.IndexFunc(used, func(n uint) bool { return n+p.bits <= 64 })
		if at < 0 {
			at, used = len(used), append(used, 0)
		}
		p.word, p.shift = at, used[at]
		used[at] += p.bits
		total += p.bits
	}
	x.words = len(used)
	return total
}

// write puts the cells of a key of the table into words.
func (x *wordIndex) write(row []uint64, cells []keyCell) {
	clear(row)
	for j := range cells {
		f, cell := &x.fields[j], &cells[j]
		switch {
		case cell.null:
			row[f.null.word] |= uint64(f.null.bits) << f.null.shift // a text's null is 0
		case f.texts != nil:
			row[f.value.word] |= f.text(cell.text) << f.value.shift
		default:
			row[f.value.word] |= f.number(cell.word) << f.value.shift
		}
	}
}

// number is the word of a value that is no text, as keys have it.
func (f *wordField) number(w uint64) uint64 {
	if f.ranged {
		return min(w-f.least, f.span+1)
	}
	return w
}

// find is a batch's rows in the table, -1 where a key is not there.
func (x *wordIndex) find(c *batch.Ctx, row []int32, in []batch.Column) {
	n, w := len(row), x.words
	keys := c.Uint64s(n * w)
	clear(keys)
	for j := range in {
		f, col := &x.fields[j], &in[j]
		words := f.numbers(c, col)
		if col.Valid != nil {
			for i := range words {
				words[i] &= -(col.Valid[i>>6] >> (i & 63) & 1)
			}
		}
		for i, at := 0, f.value.word; i < n; i, at = i+1, at+w {
			keys[at] |= words[i] << (f.value.shift & 63)
		}
		if f.null.bits > 0 && col.Valid != nil {
			for i, at := 0, f.null.word; i < n; i, at = i+1, at+w {
				keys[at] |= (col.Valid[i>>6]>>(i&63)&1 ^ 1) << f.null.shift
			}
		}
	}
	if x.direct != nil {
		for i := range row {
			row[i] = x.direct[keys[i]]
		}
	} else {
		hashes := c.Uint64s(n)
		hash.Rows(hashes, keys, w)
		x.table.Find(row, hashes, keys)
	}
	for j := range in {
		if in[j].Valid != nil && !x.nulls {
			fillNulls(row, in[j].Valid, -1)
		}
	}
}

// numbers are a column's values as they stand in keys; any under a null.
func (f *wordField) numbers(c *batch.Ctx, col *batch.Column) []uint64 {
	if f.texts == nil {
		out := CellWords(c, col)
		if f.ranged {
			least, other := f.least, f.span+1
			for i, w := range out {
				out[i] = min(w-least, other)
			}
		}
		return out
	}
	out := c.Uint64s(col.N)
	f.memo.words(out, col, f.text)
	return out
}

func (f *wordField) text(t []byte) uint64 {
	if k := f.texts.Find(t); k >= 0 {
		return uint64(k) + 1
	}
	return uint64(f.texts.Len()) + 1
}

// row is find for a row that is served.
func (x *wordIndex) row(f *Frame, types []batch.Type, in []int) int32 {
	var key [wordsMax]uint64
	for j, s := range in {
		p := &x.fields[j]
		switch {
		case f.Null[s] && !x.nulls:
			return -1
		case f.Null[s]:
			key[p.null.word] |= uint64(p.null.bits) << p.null.shift
		case p.texts != nil:
			key[p.value.word] |= p.text(unsafe.Slice(unsafe.StringData(f.S[s]), len(f.S[s]))) << p.value.shift
		default:
			key[p.value.word] |= p.number(frameWord(f, types[j], s)) << p.value.shift
		}
	}
	if x.direct != nil {
		return x.direct[key[0]]
	}
	var h [1]uint64
	var g [1]int32
	hash.Rows(h[:], key[:x.words], x.words)
	x.table.Find(g[:], h[:], key[:x.words])
	return g[0]
}
