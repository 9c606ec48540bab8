package parquet

import (
	"bufio"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"

	"github.com/headrace/headrace/connectors"
	"github.com/headrace/headrace/connectors/files"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
)

// writer writes one file. Write gathers rows column by column; a row group that is full is encoded by other goroutines, a column at a
// time each, while the next one is gathered, and goes to the file in its turn, from the goroutine that calls Write. The bytes of the file
// follow from the rows alone: not from how they came in batches, nor from how many goroutines there were.
//
// At most one row group is gathered and aheadMax are encoded at a time, so that 1+aheadMax row groups are held at most, each as plain
// values or as its pages.
type writer struct {
	aside   *files.Aside
	buf     *bufio.Writer
	opt     *Options
	codec   int32
	schema  operators.Schema // as given
	columns []sinkColumn     // without wide columns; set by the first batch
	at      int64            // bytes written
	end     end
	group   *rowGroup   // under construction
	ahead   []*rowGroup // being encoded, in their order
	first   *rowGroup   // until it has decided codecs
	codecs  []int32     // of the columns
	scratch scratch
	working sync.WaitGroup
	stop    atomic.Bool // nobody wants what is being encoded
	arena   batch.Ctx   // for the rows of a batch that two row groups share
	pool    pool
	err     error
}

// aheadMax is how many row groups are encoded at a time, so that the goroutines have work while the last columns of one are done.
const aheadMax = 2

// pool is what goroutines take and give back. Each encoder lets one goroutine work; nil ones are yet to be made.
type pool struct {
	encoders chan *encoder
	mu       sync.Mutex
	gathered [][]*gathered // by column
	bufs     [][][]byte    // by column
}

// rowGroup is the rows of a row group, then their encoding.
type rowGroup struct {
	rows   int
	cols   []*gathered
	codecs []int32 // of the columns
	out    []encoded
	errs   []error
	panics []string
	next   atomic.Int32  // the column to encode
	left   atomic.Int32  // columns not yet encoded
	done   chan struct{} // closed when there are none
}

func create(fs files.FS, o *Options, schema operators.Schema) (connectors.Writer, error) {
	for _, f := range schema.Fields {
		if f.Type.Kind == batch.Vector {
			continue
		}
		if _, err := columnOf(f); err != nil {
			return nil, fmt.Errorf("%s: %w", o.Path, err)
		}
	}
	c, err := codecOf(o.Compression)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.Path, err)
	}
	if o.RowGroupRows < 1 {
		return nil, fmt.Errorf("%s: row_group_rows is %d", o.Path, o.RowGroupRows)
	}
	a, err := files.WriteAside(fs, o.Path)
	if err != nil {
		return nil, err
	}
	w := &writer{aside: a, buf: bufio.NewWriterSize(a, 1<<18), opt: o, codec: c, schema: schema}
	n := runtime.GOMAXPROCS(0)
	w.pool.encoders = make(chan *encoder, n)
	for range n {
		w.pool.encoders <- nil
	}
	return w, nil
}

func codecOf(name string) (int32, error) {
	switch name {
	case "zstd":
		return codecZstd, nil
	case "snappy":
		return codecSnappy, nil
	case "none":
		return codecNone, nil
	}
	return 0, fmt.Errorf("no compression %q: there are zstd, snappy, none", name)
}

// begin fixes the file's columns, which wide columns give only with their first batch.
func (w *writer) begin(first *batch.Batch) error {
	flat, err := connectors.Flat(w.schema, first)
	if err != nil {
		return w.about(err)
	}
	if len(flat.Fields) == 0 {
		return w.about(fmt.Errorf("there is no column to write"))
	}
	for _, f := range flat.Fields {
		c, err := columnOf(f)
		if err != nil {
			return w.about(err)
		}
		w.columns = append(w.columns, c)
	}
	w.end.columns = w.columns
	w.pool.gathered, w.pool.bufs = make([][]*gathered, len(w.columns)), make([][][]byte, len(w.columns))
	return w.put([]byte("PAR1"))
}

func (w *writer) put(b []byte) error {
	n, err := w.buf.Write(b)
	w.at += int64(n)
	return err
}

// Write adds rows. A failure of the file may show only here at a later row group, or at Commit.
func (w *writer) Write(b batch.Batch) error {
	if w.err == nil {
		w.err = w.write(&b)
	}
	return w.err
}

// about says which file an error is about. Those of the file itself say so already.
func (w *writer) about(err error) error { return fmt.Errorf("%s: %w", w.opt.Path, err) }

func (w *writer) write(b *batch.Batch) error {
	if w.columns == nil {
		if err := w.begin(b); err != nil {
			return err
		}
	}
	cols, err := connectors.FlatColumns(w.schema, b)
	if err != nil {
		return w.about(err)
	}
	if len(cols) != len(w.columns) {
		return w.about(fmt.Errorf("a batch of %d columns, the first had %d", len(cols), len(w.columns)))
	}
	for at := 0; at < b.N; {
		if w.group == nil {
			w.group = w.pool.group(len(w.columns))
		}
		n := min(b.N-at, w.opt.RowGroupRows-w.group.rows)
		if err := w.gather(cols, at, n); err != nil {
			return err
		}
		at += n
		if w.group.rows == w.opt.RowGroupRows {
			if err := w.full(); err != nil {
				return err
			}
		}
	}
	return nil
}

// gather copies n rows into the row group under construction.
func (w *writer) gather(cols []batch.Column, at, n int) error {
	for i := range cols {
		c := cols[i].Slice(&w.arena, at, at+n)
		if err := w.group.cols[i].add(&w.columns[i], &c, &w.scratch); err != nil {
			return w.about(fmt.Errorf("column %q: %w", w.columns[i].name, err))
		}
		w.arena.Reset()
	}
	w.group.rows += n
	return nil
}

// full sends the row group under construction to be encoded, and writes those whose turn it is.
func (w *writer) full() error {
	g := w.group
	w.group = nil
	w.decide(g)
	w.ahead = append(w.ahead, g)
	g.left.Store(int32(len(g.cols)))
	for range min(cap(w.pool.encoders), len(g.cols)) {
		w.working.Go(func() { w.work(g) })
	}
	return w.flush(aheadMax)
}

// decide says how the columns of a row group are compressed. The first one finds that out: the second waits for it.
func (w *writer) decide(g *rowGroup) {
	if w.codecs != nil && w.first != nil {
		<-w.first.done
		for i := range w.codecs {
			w.codecs[i] = w.first.out[i].codec
		}
		w.first = nil
	}
	if w.codecs == nil {
		w.first, w.codecs = g, make([]int32, len(g.cols))
		g.codecs = make([]int32, len(g.cols))
		for i := range g.codecs {
			g.codecs[i] = codecUnknown
		}
		return
	}
	g.codecs = w.codecs
}

// work encodes columns of a row group until none is left.
func (w *writer) work(g *rowGroup) {
	e := <-w.pool.encoders
	if e == nil {
		e = newEncoder(w.codec)
	}
	defer func() { w.pool.encoders <- e }()
	for {
		i := int(g.next.Add(1)) - 1
		if i >= len(g.cols) {
			return
		}
		if !w.stop.Load() {
			w.encode(e, g, i)
		}
		if g.left.Add(-1) == 0 {
			close(g.done)
		}
	}
}

// encode makes one column chunk. A panic is kept for the goroutine that calls Write, which may know what to do with it.
func (w *writer) encode(e *encoder, g *rowGroup, i int) {
	defer func() {
		if p := recover(); p != nil {
			g.panics[i] = fmt.Sprintf("%v\n%s", p, debug.Stack())
		}
	}()
	g.out[i], g.errs[i] = e.chunk(&w.columns[i], g.cols[i], g.codecs[i], w.pool.buf(i))
	w.pool.keep(i, g.cols[i])
	g.cols[i] = nil
}

// flush writes row groups until at most most are being encoded, and those that are done anyway.
func (w *writer) flush(most int) error {
	for len(w.ahead) > most || len(w.ahead) > 0 && w.ahead[0].left.Load() == 0 {
		g := w.ahead[0]
		w.ahead = w.ahead[1:]
		<-g.done
		for i := range g.out {
			if g.panics[i] != "" {
				panic(fmt.Sprintf("parquet: column %q: %s", w.columns[i].name, g.panics[i]))
			}
			if err := g.errs[i]; err != nil {
				return w.about(fmt.Errorf("column %q: %w", w.columns[i].name, err))
			}
		}
		if err := w.append(g); err != nil {
			return err
		}
	}
	return nil
}

// append writes a row group that is encoded.
func (w *writer) append(g *rowGroup) error {
	places := make([]place, len(g.out))
	for i := range g.out {
		places[i] = place{encoded: &g.out[i], at: w.at}
		if err := w.put(g.out[i].buf); err != nil {
			return err
		}
		w.pool.keepBuf(i, g.out[i].buf)
		g.out[i].buf = nil
	}
	w.end.groups, w.end.rows = append(w.end.groups, places), append(w.end.rows, int64(g.rows))
	return nil
}

// Uncut says that the file does not hang on how the rows come in batches.
func (w *writer) Uncut() {}

// Commit ends the file and moves it to its place.
func (w *writer) Commit() error {
	if w.err == nil {
		w.err = w.finish()
	}
	if w.err != nil {
		_ = w.Abort() // the first failure is the one to report
		return w.err
	}
	w.working.Wait()
	return w.aside.Commit()
}

func (w *writer) finish() error {
	if w.columns == nil {
		if err := w.begin(nil); err != nil {
			return err
		}
	}
	if w.group != nil {
		if err := w.full(); err != nil {
			return err
		}
	}
	if err := w.flush(0); err != nil {
		return err
	}
	if err := w.put(w.end.indexes(w.at)); err != nil {
		return err
	}
	if err := w.put(w.end.footer()); err != nil {
		return err
	}
	return w.buf.Flush()
}

// Abort drops the file. It returns when no goroutine works at it any more.
func (w *writer) Abort() error {
	w.stop.Store(true)
	w.working.Wait()
	return w.aside.Abort()
}

func newEncoder(codec int32) *encoder {
	e := &encoder{codec: codec}
	if codec == codecZstd {
		// pages have checksums of their own, and are hardly ever longer than the window
		z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false), zstd.WithWindowSize(writePageBytes))
		if err != nil {
			panic(err) // the options are constants
		}
		e.zstd = z
	}
	return e
}

// group begins a row group of n columns.
func (p *pool) group(n int) *rowGroup {
	g := &rowGroup{cols: make([]*gathered, n), out: make([]encoded, n), errs: make([]error, n), panics: make([]string, n), done: make(chan struct{})}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range g.cols {
		if k := len(p.gathered[i]); k > 0 {
			g.cols[i], p.gathered[i] = p.gathered[i][k-1], p.gathered[i][:k-1]
		} else {
			g.cols[i] = &gathered{}
		}
	}
	return g
}

// keep takes back what a column was gathered in.
func (p *pool) keep(col int, g *gathered) {
	g.reset()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gathered[col] = append(p.gathered[col], g)
}

// buf gives memory for a chunk.
func (p *pool) buf(col int) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	k := len(p.bufs[col])
	if k == 0 {
		return nil
	}
	b := p.bufs[col][k-1]
	p.bufs[col] = p.bufs[col][:k-1]
	return b
}

func (p *pool) keepBuf(col int, b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bufs[col] = append(p.bufs[col], b)
}
