package exec

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/headrace/headrace/kernels/hash"
	"github.com/headrace/headrace/operators/batch"
)

// keys is how the values of key columns stand in rows of words: equal rows of words are equal keys, whichever worker wrote them. Null is
// a value like others, -0 is 0, NaN is NaN; an int32 is as an int64, a float32 as a float64, where the key is of the wider type.
//
// Values are laid side by side in as few words as they need: 64 bits or 32 for a number, 31 for a text, which is the number that the
// operator gave it, 2 for a bool. Floats have a bit pattern to spare for null; integers have a bit beside them.
type keys struct {
	words  int
	fields []keyField // by column
	write  []int      // columns in the order in which they are written: the first of a word sets it
	fill   []keyNull  // null bits that begin a word
}

type keyField struct {
	typ   batch.Type
	value keyBits
	null  keyBits // of integers
	names *names  // of text
}

// keyBits is where some bits of a key lie.
type keyBits struct{ word, shift, bits int }

type keyNull struct{ column int }

// noFloat64 and noFloat32 are NaNs that no canonical value is: null.
const (
	noFloat64 = math.MaxUint64
	noFloat32 = math.MaxUint32
)

// newKeys lays out keys of the given types.
func newKeys(types []batch.Type) *keys {
	k := &keys{fields: make([]keyField, len(types))}
	type piece struct {
		bits, column int
		null         bool
	}
	var pieces []piece
	for i, t := range types {
		f := &k.fields[i]
		f.typ = t
		switch {
		case t.Kind == batch.Bool:
			pieces = append(pieces, piece{2, i, false})
		case t.Text():
			f.names = &names{}
			pieces = append(pieces, piece{31, i, false})
		case t.Width() == 4 || t.Width() == 8:
			pieces = append(pieces, piece{8 * t.Width(), i, false})
			if !t.Float() {
				pieces = append(pieces, piece{1, i, true})
			}
		default:
			panic("exec: " + t.String() + " is no key")
		}
	}
	slices.SortStableFunc(pieces, func(a, b piece) int { return cmp.Compare(b.bits, a.bits) })
	var used []int
	for _, p := range pieces {
		at := slices.IndexFunc(used, func(n int) bool { return n+p.bits <= 64 })
		if at < 0 {
			at, used = len(used), append(used, 0)
		}
		b := keyBits{at, used[at], p.bits}
		used[at] += p.bits
		if p.null {
			k.fields[p.column].null = b
			if b.shift == 0 {
				k.fill = append(k.fill, keyNull{p.column})
			}
		} else {
			k.fields[p.column].value = b
			k.write = append(k.write, p.column)
		}
	}
	k.words = len(used)
	return k
}

// bytes is the memory that the texts of the keys take.
func (k *keys) bytes() (n int64) {
	for i := range k.fields {
		n += k.fields[i].names.bytes()
	}
	return n
}

// dense is the number of the column that alone makes the key, where its values are small numbers: a text or a bool. Else -1.
func (k *keys) dense() int {
	if len(k.fields) == 1 && k.fields[0].value.bits <= 31 {
		return 0
	}
	return -1
}

// names numbers texts from 1 on, for all workers.
type names struct {
	mu    sync.Mutex
	seen  hash.Table
	all   *batch.Column // made of seen
	fixed bool          // no text is new any more: what is not there is noText
}

// noText is the number of a text that is not there.
const noText = 1<<31 - 1

func (n *names) number(text []byte) uint32 {
	if n.fixed {
		if at := n.seen.Find(text); at >= 0 {
			return uint32(at) + 1
		}
		return noText
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return uint32(n.seen.Insert(text)) + 1
}

func (n *names) bytes() int64 {
	if n == nil {
		return 0
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.seen.Bytes()
}

// column is all texts so far, in the order of their numbers from 1 on.
func (n *names) column(t batch.Type) (*batch.Column, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.all != nil && n.all.N == n.seen.Len() {
		return n.all, nil
	}
	total := 0
	for i := range n.seen.Len() {
		if total += len(n.seen.Key(i)); total > math.MaxInt32 {
			return nil, fmt.Errorf("keys: %w", batch.ErrTextTooLong)
		}
	}
	c := (*batch.Ctx)(nil).New(t, n.seen.Len())
	c.Values = make([]byte, 0, total)
	for i := range c.N {
		c.Values = append(c.Values, n.seen.Key(i)...)
		c.Offsets[i+1] = int32(len(c.Values))
	}
	n.all = &c
	return n.all, nil
}

// keyer writes keys for one worker.
type keyer struct {
	*keys
	text []textKeys // by column
}

// textKeys spares a worker the look-ups that others wait for.
type textKeys struct {
	dict *batch.Column // the dictionary that numbers is of; a dictionary is never changed
	// numbers are by the dictionary's codes; 0: not looked up yet.
	numbers []uint32
	seen    hash.Table // texts that came without a dictionary
	shared  []uint32   // their numbers
}

func (k *keys) worker() *keyer { return &keyer{k, make([]textKeys, len(k.fields))} }

// bytes is the memory that the worker's own look-ups take.
func (k *keyer) bytes() (n int64) {
	for i := range k.text {
		t := &k.text[i]
		n += t.seen.Bytes() + int64(4*cap(t.shared)+4*cap(t.numbers))
	}
	return n
}

// encode writes the keys of n rows, dst[i*words:(i+1)*words] for row i.
func (k *keyer) encode(dst []uint64, cols []batch.Column, n int) {
	if n == 0 {
		return
	}
	for _, j := range k.write {
		k.encodeColumn(dst, j, &cols[j], n)
	}
	for _, f := range k.fill {
		at := k.fields[f.column].null.word
		for i := range n {
			dst[i*k.words+at] = 0
		}
	}
	for j := range k.fields {
		if f := &k.fields[j]; f.null.bits > 0 && cols[j].Valid != nil {
			k.encodeNulls(dst, f.null, cols[j].Valid, n)
		}
	}
}

func (k *keyer) encodeNulls(dst []uint64, at keyBits, valid []uint64, n int) {
	for i := range n {
		dst[i*k.words+at.word] |= (valid[i>>6]>>(i&63)&1 ^ 1) << at.shift
	}
}

func (k *keyer) encodeColumn(dst []uint64, j int, c *batch.Column, n int) {
	f := &k.fields[j]
	w, at := k.words, f.value
	if c.Type.Text() {
		k.encodeText(dst, j, c, n)
		return
	}
	switch c.Type.Kind {
	case batch.Bool:
		putKeys(dst, w, at, n, c.Valid, 0, func() func(int) uint64 {
			b := c.Bits()
			return func(i int) uint64 { return 1 + b[i>>6]>>(i&63)&1 }
		}())
	case batch.Int32, batch.Date:
		if at.bits == 64 {
			putInts(dst, w, at, c.Valid, c.Int32s(), math.MaxUint64)
		} else {
			putInts(dst, w, at, c.Valid, c.Int32s(), math.MaxUint32)
		}
	case batch.Int64, batch.Timestamp, batch.Decimal:
		putInts(dst, w, at, c.Valid, c.Int64s(), math.MaxUint64)
	case batch.Float64:
		putFloats(dst, w, at, c.Valid, c.Float64s())
	case batch.Float32:
		if at.bits == 64 {
			wide := make([]float64, n)
			for i, v := range c.Float32s() {
				wide[i] = float64(v)
			}
			putFloats(dst, w, at, c.Valid, wide)
			return
		}
		putFloats32(dst, w, at, c.Valid, c.Float32s())
	}
}

// putKeys: for i < n { the bits at of row i = value(i), or null where row i is }
func putKeys(dst []uint64, w int, at keyBits, n int, valid []uint64, null uint64, value func(i int) uint64) {
	for i := range n {
		v := value(i)
		if valid != nil && valid[i>>6]>>(i&63)&1 == 0 {
			v = null
		}
		putBits(dst, i*w+at.word, at.shift, v)
	}
}

// putBits writes a value beside what is there; the first of a word takes the place of what was.
func putBits(dst []uint64, i, shift int, v uint64) {
	if shift == 0 {
		dst[i] = v
	} else {
		dst[i] |= v << shift
	}
}

// putInts writes the lower bits of integers that mask has; what is under a null becomes 0.
func putInts[T int32 | int64](dst []uint64, w int, at keyBits, valid []uint64, src []T, mask uint64) {
	o := at.word
	switch {
	case valid != nil && at.shift == 0:
		for i, x := range src {
			dst[o] = uint64(x) & mask & -(valid[uint(i)>>6] >> (uint(i) & 63) & 1)
			o += w
		}
	case valid != nil:
		for i, x := range src {
			dst[o] |= uint64(x) & mask & -(valid[uint(i)>>6] >> (uint(i) & 63) & 1) << (uint(at.shift) & 63)
			o += w
		}
	case at.shift == 0:
		for _, x := range src {
			dst[o] = uint64(x) & mask
			o += w
		}
	default:
		for _, x := range src {
			dst[o] |= uint64(x) & mask << (uint(at.shift) & 63)
			o += w
		}
	}
}

// putFloats writes the bits of floats, of one zero and one NaN.
func putFloats(dst []uint64, w int, at keyBits, valid []uint64, src []float64) {
	o := at.word
	for i, x := range src {
		b := canonical(x)
		if valid != nil && valid[uint(i)>>6]>>(uint(i)&63)&1 == 0 {
			b = noFloat64
		}
		dst[o] = b
		o += w
	}
}

func putFloats32(dst []uint64, w int, at keyBits, valid []uint64, src []float32) {
	o := at.word
	for i, x := range src {
		b := uint64(math.Float32bits(x + 0)) // -0 + 0 is 0
		if x != x {
			b = uint64(math.Float32bits(float32(math.NaN())))
		}
		if valid != nil && valid[uint(i)>>6]>>(uint(i)&63)&1 == 0 {
			b = noFloat32
		}
		putBits(dst, o, at.shift, b)
		o += w
	}
}

// canonical is the bits of x, of one zero and one NaN.
func canonical(x float64) uint64 {
	if x != x {
		return math.Float64bits(math.NaN())
	}
	return math.Float64bits(x + 0) // -0 + 0 is 0
}

// encodeText writes the numbers of texts, 0 for null.
func (k *keyer) encodeText(dst []uint64, j int, c *batch.Column, n int) {
	f, t := &k.fields[j], &k.text[j]
	o, shift, valid := f.value.word, f.value.shift, c.Valid
	if c.Dict != nil {
		numbers, codes := t.of(c.Dict), c.Codes()
		for i, x := range codes {
			v := uint64(0)
			if valid == nil || valid[uint(i)>>6]>>(uint(i)&63)&1 != 0 {
				if v = uint64(numbers[x]); v == 0 {
					v = uint64(f.names.number(c.Dict.Text(int(x))))
					numbers[x] = uint32(v)
				}
			}
			putBits(dst, o, shift, v)
			o += k.words
		}
		return
	}
	for i := range n {
		v := uint64(0)
		if valid == nil || valid[i>>6]>>(i&63)&1 != 0 {
			v = uint64(t.number(f.names, c.Values[c.Offsets[i]:c.Offsets[i+1]]))
		}
		putBits(dst, o, shift, v)
		o += k.words
	}
}

// of gives the numbers of a dictionary's codes as far as they are known.
func (t *textKeys) of(dict *batch.Column) []uint32 {
	if t.dict != dict {
		t.dict = dict
		t.numbers = slices.Grow(t.numbers[:0], dict.N)[:dict.N]
		clear(t.numbers)
	}
	return t.numbers
}

func (t *textKeys) number(n *names, text []byte) uint32 {
	if n.fixed {
		return n.number(text)
	}
	code := int(t.seen.Insert(text))
	if code == len(t.shared) {
		t.shared = append(t.shared, n.number(text))
	}
	return t.shared[code]
}

// anyNull sets the bits of out, a bitmap of n rows that is all clear, for rows that have a null among the key columns, and says whether
// there is one.
func anyNull(out []uint64, cols []batch.Column) (any bool) {
	for j := range cols {
		if valid := cols[j].Valid; valid != nil {
			for i := range out {
				full := ^uint64(0)
				if rest := cols[j].N - 64*i; rest < 64 {
					full = 1<<uint(rest) - 1
				}
				out[i] |= full &^ valid[i]
				any = any || out[i] != 0
			}
		}
	}
	return any
}

// decode gives the columns of n keys, in Go memory. Texts are coded by all that the operator has met. Floats have one zero and one NaN.
func (k *keys) decode(rows []uint64, n int) ([]batch.Column, error) {
	out := make([]batch.Column, len(k.fields))
	for j := range k.fields {
		f := &k.fields[j]
		null, any := make([]bool, n), false
		value := func(i int) uint64 { return rows[i*k.words+f.value.word] >> f.value.shift & (1<<f.value.bits - 1) }
		switch {
		case f.null.bits > 0:
			for i := range null {
				null[i] = rows[i*k.words+f.null.word]>>f.null.shift&1 != 0
			}
		case f.typ.Float() && f.value.bits == 64:
			for i := range null {
				null[i] = value(i) == noFloat64
			}
		case f.typ.Float():
			for i := range null {
				null[i] = value(i) == noFloat32
			}
		default:
			for i := range null {
				null[i] = value(i) == 0
			}
		}
		for _, is := range null {
			any = any || is
		}
		c, err := f.decode(n, value)
		if err != nil {
			return nil, err
		}
		if any {
			c = c.WithNulls(null)
		}
		out[j] = c
	}
	return out, nil
}

func (f *keyField) decode(n int, value func(i int) uint64) (batch.Column, error) {
	c := (*batch.Ctx)(nil).New(f.typ, n)
	switch {
	case f.typ.Kind == batch.Bool:
		b := c.Bits()
		for i := range n {
			if value(i) == 2 {
				b[i>>6] |= 1 << (i & 63)
			}
		}
	case f.typ.Text():
		dict, err := f.names.column(f.typ)
		if err != nil {
			return c, err
		}
		codes := make([]int32, n)
		for i := range codes {
			codes[i] = int32(max(value(i), 1)) - 1
		}
		return batch.OfCodes(codes, dict), nil
	case f.typ.Kind == batch.Float32:
		v := c.Float32s()
		for i := range v {
			v[i] = math.Float32frombits(uint32(value(i)))
		}
	case f.typ.Kind == batch.Float64:
		v := c.Float64s()
		for i := range v {
			v[i] = math.Float64frombits(value(i))
		}
	case f.typ.Width() == 4:
		v := c.Int32s()
		for i := range v {
			v[i] = int32(uint32(value(i)))
		}
	default:
		v := c.Int64s()
		for i := range v {
			v[i] = int64(value(i))
		}
	}
	return c, nil
}
