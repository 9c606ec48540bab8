package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/headrace/headrace/kernels/unpack"
	"github.com/headrace/headrace/operators/batch"
)

// textMax is what the strings of one batch may take: their offsets are 32 bits, and nobody means more.
const textMax = 1 << 30

// rowError is an error of row i of what is being read.
type rowError struct {
	i   int
	err error
}

func (e *rowError) Error() string { return e.err.Error() }
func (e *rowError) Unwrap() error { return e.err }

// take reads the next n rows into ctx's arena.
func (c *column) take(ctx *batch.Ctx, n int) (batch.Column, error) {
	c.row += int64(n)
	if c.how == asText || c.how == asFixed {
		return c.takeText(ctx, n)
	}
	out := ctx.New(c.typ, n)
	if c.how == asBool {
		out = batch.OfBits(ctx.Bitmap(n), n)
	}
	if c.optional {
		out.Valid = ctx.Bitmap(n)
	}
	nulls := 0
	for at := 0; at < n; {
		m, k, err := c.piece(out.Valid, at, n-at)
		if err != nil {
			return out, err
		}
		if err := c.fixed(&out, at, m, k); err != nil {
			var r *rowError
			if errors.As(err, &r) {
				r.i = c.rowOf(out.Valid, at, r.i)
			}
			return out, err
		}
		nulls += m - k
		at += m
	}
	if nulls == 0 {
		out.Valid = nil
	}
	return out, nil
}

// piece reads the levels of at most n rows of one page: m rows with k values.
func (c *column) piece(valid []uint64, at, n int) (m, k int, err error) {
	if _, err := c.next(0); err != nil {
		return 0, 0, err
	}
	m = min(n, c.left)
	c.left -= m
	if !c.optional {
		return m, m, nil
	}
	k, err = c.levels.bitsInto(valid, at, m)
	return m, k, err
}

// rowOf is the row of the k-th value from row at on.
func (c *column) rowOf(valid []uint64, at, k int) int {
	if valid == nil {
		return at + k
	}
	for i := at; i < len(valid)*64; i++ {
		if valid[i>>6]>>(i&63)&1 == 1 {
			if k == 0 {
				return i
			}
			k--
		}
	}
	return at
}

// fixed reads k values of fixed width and sets rows at..at+m of out to them.
func (c *column) fixed(out *batch.Column, at, m, k int) error {
	if c.how == asBool {
		return c.bools(out, at, m, k)
	}
	if c.how == asIs && c.width == 4 {
		v := words[uint32](out.Values)[at : at+m]
		if err := fixedInto(c, v[:k]); err != nil {
			return err
		}
		if k < m {
			unpack.Spread(v, k, out.Valid, at)
		}
		return nil
	}
	if out.Type.Width() == 4 { // asHalf
		v := words[float32](out.Values)[at : at+m]
		b, err := c.rawBytes(k)
		if err != nil {
			return err
		}
		for i := range k {
			v[i] = half(binary.LittleEndian.Uint16(b[2*i:]))
		}
		if k < m {
			unpack.Spread(v, k, out.Valid, at)
		}
		return nil
	}
	v := words[int64](out.Values)[at : at+m]
	if err := c.int64s(v[:k]); err != nil {
		return err
	}
	if k < m {
		unpack.Spread(v, k, out.Valid, at)
	}
	return nil
}

// int64s reads values that end up as 64 bits.
func (c *column) int64s(v []int64) error {
	switch c.how {
	case asIs:
		return fixedInto(c, v)
	case asUint64:
		if err := fixedInto(c, v); err != nil {
			return err
		}
		for i, x := range v {
			if x < 0 {
				return &rowError{i, fmt.Errorf("%d is more than an int64 holds", uint64(x))}
			}
		}
		return nil
	case asWide, asUint32:
		w := make32(c, len(v))
		if err := fixedInto(c, w); err != nil {
			return err
		}
		for i, x := range w {
			if c.how == asWide {
				v[i] = int64(int32(x))
			} else {
				v[i] = int64(x)
			}
		}
		return nil
	case asBigVar:
		return c.bigVar(v)
	}
	b, err := c.rawBytes(len(v))
	if err != nil {
		return err
	}
	for i := range v {
		x := b[i*c.width : (i+1)*c.width]
		if c.how == asInt96 {
			v[i], err = int96(x)
		} else {
			v[i], err = big(x)
		}
		if err != nil {
			return &rowError{i, err}
		}
	}
	return nil
}

// make32 gives scratch that fixedInto does not use itself.
func make32(c *column, n int) []uint32 {
	if cap(c.raw) < n*4 {
		c.raw = make([]byte, n*4+padding)
	}
	return words[uint32](c.raw[:n*4])[:n:n]
}

// fixedInto reads values of 4 or 8 bytes.
func fixedInto[T uint32 | int64](c *column, v []T) error {
	if len(v) == 0 {
		return nil
	}
	size := len(v) * c.width
	switch c.mode {
	case plain:
		if size > len(c.data) {
			return errCut
		}
		copy(bytesOf(v), c.data[:size])
		c.data = c.data[size:]
		return nil
	case coded:
		return takeCodes(c, v, words[T](c.dict))
	case deltas:
		if cap(c.wide) < 1024 {
			c.wide = make([]int64, 1024)
		}
		for len(v) > 0 {
			w := c.wide[:min(len(v), 1024)]
			if err := c.delta.next(w); err != nil {
				return err
			}
			for i, x := range w {
				v[i] = T(x)
			}
			v = v[len(w):]
		}
		return nil
	case split:
		return c.unsplit(bytesOf(v), len(v))
	}
	return errors.New("a page of strings in a column of numbers")
}

// takeCodes reads what a dictionary stands for: runs are filled, packed codes looked up, a block that fits L1 at a time.
func takeCodes[T uint32 | int64](c *column, v, table []T) error {
	const block = 2048
	if cap(c.codes) < block {
		c.codes = make([]int32, block)
	}
	h := &c.runs
	for len(v) > 0 {
		if h.at == h.n && h.left == 0 {
			if err := h.run(); err != nil {
				return err
			}
		}
		if h.at < h.n || h.packed {
			code, err := h.some(c.codes[:min(len(v), block)], len(table))
			if err != nil {
				return err
			}
			gather(v, table, code)
			v = v[len(code):]
			continue
		}
		k, err := h.same(len(v), len(table))
		if err != nil {
			return err
		}
		repeat(v[:k], table[h.value])
		v = v[k:]
	}
	return nil
}

// unsplit reads k values whose first bytes come first, then all second bytes, and so on.
func (c *column) unsplit(dst []byte, k int) error {
	w := c.width
	total := len(c.data) / w
	if k > total-c.split {
		return errCut
	}
	for b := range w {
		src := c.data[b*total+c.split:][:k]
		for i, x := range src {
			dst[i*w+b] = x
		}
	}
	c.split += k
	return nil
}

// rawBytes reads k values of any fixed width, back to back; they stay until the next read.
func (c *column) rawBytes(k int) ([]byte, error) {
	w := c.width
	size := k * w
	if c.mode == plain {
		if size > len(c.data) {
			return nil, errCut
		}
		b := c.data[:size]
		c.data = c.data[size:]
		return b, nil
	}
	if cap(c.raw) < size {
		c.raw = make([]byte, size+padding)
	}
	b := c.raw[:size]
	switch c.mode {
	case coded:
		if cap(c.codes) < k {
			c.codes = make([]int32, k)
		}
		code := c.codes[:k]
		if err := c.runs.codes(code, c.dictN); err != nil {
			return nil, err
		}
		for i, x := range code {
			copy(b[i*w:(i+1)*w], c.dict[int(x)*w:])
		}
		return b, nil
	case split:
		return b, c.unsplit(b, k)
	case texts:
		if k > len(c.offs)-1-c.at {
			return nil, errCut
		}
		for i := range k {
			s := c.data[c.offs[c.at+i]:c.offs[c.at+i+1]]
			if len(s) != w {
				return nil, fmt.Errorf("a value of %d bytes in a column of %d", len(s), w)
			}
			copy(b[i*w:], s)
		}
		c.at += k
		return b, nil
	}
	return nil, fmt.Errorf("a page of numbers in a column of %s", physNames[c.phys])
}

func (c *column) bools(out *batch.Column, at, m, k int) error {
	dst := out.Bits()
	from := at // where dense bits go
	tmp := dst
	if k < m {
		if cap(c.wide) < batch.Words(m) {
			c.wide = make([]int64, batch.Words(m))
		}
		w := c.wide[:batch.Words(m)]
		clear(w)
		tmp, from = words[uint64](bytesOf(w)), 0
	}
	switch c.mode {
	case plain:
		if c.bits+k > len(c.data)*8 {
			return errCut
		}
		copyBits(tmp, from, c.data, c.bits, k)
		c.bits += k
	case runs:
		if _, err := c.runs.bitsInto(tmp, from, k); err != nil {
			return err
		}
	default:
		return errors.New("booleans in an encoding of other types")
	}
	if k == m {
		return nil
	}
	j := 0
	for i := range m {
		if o := at + i; out.Valid[o>>6]>>(o&63)&1 == 1 {
			dst[o>>6] |= tmp[j>>6] >> (j & 63) & 1 << (o & 63)
			j++
		}
	}
	return nil
}

// takeText reads strings: codes as long as all pages that the rows are on are coded, else plain.
func (c *column) takeText(ctx *batch.Ctx, n int) (batch.Column, error) {
	out := batch.Column{Type: c.typ, N: n}
	if c.optional {
		out.Valid = ctx.Bitmap(n)
	}
	nulls, codesN := 0, 0
	var codes []int32
	var offs []int32
	c.text = c.text[:0]
	for at := 0; at < n; {
		m, k, err := c.piece(out.Valid, at, n-at)
		if err != nil {
			return out, err
		}
		nulls += m - k
		if k > 0 && c.mode != coded && offs == nil || k > 0 && c.mode == coded && codes == nil && offs == nil {
			// What came before was coded, or all null.
			if c.mode == coded {
				codes = ctx.Int32s(n)
				clear(codes[:at])
			} else {
				offs = ctx.Int32s(n + 1)
				offs[0] = 0
				for i := range at {
					if codesN > 0 && (out.Valid == nil || out.Valid[i>>6]>>(i&63)&1 == 1) {
						if err := c.append(c.dictText.Text(int(codes[i]))); err != nil {
							return out, err
						}
					}
					offs[i+1] = int32(len(c.text))
				}
			}
		}
		switch {
		case offs != nil:
			err = c.plainPiece(out.Valid, offs[at:at+m+1], at, k)
		case codes != nil:
			if err = c.runs.codes(codes[at:at+k], c.dictN); err == nil && k < m {
				unpack.Spread(codes[at:at+m], k, out.Valid, at)
			}
			codesN += k
		}
		if err != nil {
			return out, err
		}
		at += m
	}
	if nulls == 0 {
		out.Valid = nil
	}
	switch {
	case offs != nil:
		out.Offsets = offs
		out.Values = ctx.AllocDirty(len(c.text))
		copy(out.Values, c.text)
		if i := notUTF8(&out); i >= 0 {
			return out, &rowError{i, errors.New("not UTF-8")}
		}
	case codes != nil:
		out.Values, out.Dict = bytesOf(codes), c.dictText
	default: // all null, or no rows
		out.Offsets = ctx.Int32s(n + 1)
		clear(out.Offsets[:n+1])
	}
	return out, nil
}

var errText = fmt.Errorf("the strings of one batch take more than %d bytes", textMax)

func (c *column) append(s []byte) error {
	if len(c.text)+len(s) > textMax {
		return errText
	}
	c.text = append(c.text, s...)
	return nil
}

// plainPiece appends k strings to c.text and sets offs, which begins with the offset that is already there.
func (c *column) plainPiece(valid []uint64, offs []int32, at, k int) error {
	if c.width > 0 || c.mode == texts || c.mode == coded {
		return c.eachPiece(valid, offs, at, k)
	}
	m := len(offs) - 1
	dense := offs
	if k < m { // the values' own offsets, from which those of the rows are made
		c.offs = slices.Grow(c.offs[:0], k+1)[:k+1]
		dense = c.offs
		dense[0] = offs[0]
	}
	rest, err := cutTexts(c.data, dense[:k+1])
	if err != nil {
		return err
	}
	from, to := int(dense[0]), int(dense[k])
	c.text = slices.Grow(c.text, to-from)[:to]
	copyTexts(c.text[from:], c.data, dense[:k+1])
	c.data = rest
	if k < m {
		j := 0
		for i := range m {
			offs[i+1] = dense[j]
			if o := at + i; valid[o>>6]>>(o&63)&1 == 1 {
				j++
				offs[i+1] = dense[j]
			}
		}
	}
	return nil
}

// eachPiece is plainPiece for fixed widths, delta-coded strings, and codes in a batch that is plain already.
func (c *column) eachPiece(valid []uint64, offs []int32, at, k int) error {
	var fixed []byte
	var err error
	switch {
	case c.mode == coded:
		if cap(c.codes) < k {
			c.codes = make([]int32, k)
		}
		if err = c.runs.codes(c.codes[:k], c.dictN); err != nil {
			return err
		}
	case c.width > 0:
		if fixed, err = c.rawBytes(k); err != nil {
			return err
		}
	case k > len(c.offs)-1-c.at:
		return errCut
	}
	j := 0
	for i := range offs[1:] {
		if valid == nil || valid[(at+i)>>6]>>((at+i)&63)&1 == 1 {
			var s []byte
			switch {
			case c.mode == coded:
				s = c.dictText.Text(int(c.codes[j]))
			case c.width > 0:
				s = fixed[j*c.width : (j+1)*c.width]
			default:
				s = c.data[c.offs[c.at+j]:c.offs[c.at+j+1]]
			}
			j++
			if err := c.append(s); err != nil {
				return err
			}
		}
		offs[i+1] = int32(len(c.text))
	}
	if c.width == 0 && c.mode == texts {
		c.at += k
	}
	return nil
}

// bigVar reads decimals that are byte arrays.
func (c *column) bigVar(v []int64) error {
	for i := range v {
		var s []byte
		var err error
		switch c.mode {
		case plain:
			if s, c.data, err = cutText(c.data); err != nil {
				return err
			}
		case coded:
			var one [1]int32
			if err := c.runs.codes(one[:], c.dictN); err != nil {
				return err
			}
			s = c.dictText.Text(int(one[0]))
		case texts:
			if c.at+1 >= len(c.offs) {
				return errCut
			}
			s = c.data[c.offs[c.at]:c.offs[c.at+1]]
			c.at++
		default:
			return errors.New("a page of numbers in a column of strings")
		}
		if v[i], err = big(s); err != nil {
			return &rowError{i, err}
		}
	}
	return nil
}

// big reads a big-endian number in two's complement.
func big(b []byte) (int64, error) {
	if len(b) == 0 {
		return 0, errors.New("a decimal of no bytes")
	}
	v := int64(int8(b[0]))
	for _, x := range b[1:] {
		if v > math.MaxInt64>>8 || v < math.MinInt64>>8 {
			return 0, errors.New("a decimal of more than 18 digits")
		}
		v = v<<8 | int64(x)
	}
	return v, nil
}

// julianEpoch is the Julian day of 1970-01-01.
const julianEpoch = 2440588

// int96 is nanoseconds of the day, then the Julian day. What int64 nanoseconds cannot hold (before 1677, after 2262) is refused.
func int96(b []byte) (int64, error) {
	nanos := binary.LittleEndian.Uint64(b)
	days := int64(int32(binary.LittleEndian.Uint32(b[8:]))) - julianEpoch
	const day = 86_400_000_000_000
	if nanos >= 2*day {
		return 0, fmt.Errorf("an int96 time with %d nanoseconds in its day", nanos)
	}
	// Only the sum needs to fit: the first day is one that begins before the range does.
	neg := days < 0
	if neg {
		days++
	}
	hi, lo := bits.Mul64(uint64(max(days, -days)), day)
	if hi != 0 || lo > math.MaxInt64 {
		return 0, errInt96
	}
	v := int64(lo)
	if neg {
		v = -v
		nanos -= day // wraps, and so does the conversion below
	}
	r := int64(nanos)
	if r > 0 && v > math.MaxInt64-r || r < 0 && v < math.MinInt64-r {
		return 0, errInt96
	}
	return v + r, nil
}

var errInt96 = errors.New("an int96 time outside of 1677 to 2262, which is what nanoseconds in 64 bits hold")

// half widens a float16.
func half(h uint16) float32 {
	sign, exp, frac := uint32(h>>15)<<31, uint32(h>>10)&31, uint32(h)&1023
	switch {
	case exp == 31:
		return math.Float32frombits(sign | 0x7f800000 | frac<<13)
	case exp == 0 && frac == 0:
		return math.Float32frombits(sign)
	case exp == 0:
		// frac * 2^-24, which float32 holds exactly
		v := float32(frac) * (1.0 / (1 << 24))
		return math.Float32frombits(math.Float32bits(v) | sign)
	}
	return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
}
