// Package bundle is what is published: raw rows in, predictions out.
//
// A bundle is a directory: manifest.json says all (the schema in, the graph, the schema out, golden rows, the digest of every
// file) and states/ holds one file a step with the states of its nodes. It is declarative: it holds no code and names no file but
// its own. Equal models are equal bytes: no clock and no machine is in it.
package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/headrace/headrace/kernels/forest"
	"github.com/headrace/headrace/operators"
	"github.com/headrace/headrace/operators/batch"
	"github.com/headrace/headrace/operators/canon"
	"github.com/headrace/headrace/operators/program"
)

// Format is the version of the layout; a reader refuses a later one.
const Format = 1

// Limits on what a reader takes.
const (
	manifestBytesMax = 16 << 20
	stateBytesMax    = 2 << 30  // of all files together
	fileNameMax      = 100      // characters of a step in a file's name; steps alike that far share a file
	replayBytesMax   = 32 << 20 // of the golden rows, run many at a time
)

// Manifest is manifest.json.
type Manifest struct {
	Format  int               `json:"format"`
	Engine  string            `json:"engine"` // the version that wrote it
	Name    string            `json:"name"`
	Task    Task              `json:"task"`
	Inputs  []Column          `json:"inputs"`
	Outputs []Column          `json:"outputs"`
	Graph   Graph             `json:"graph"`
	Split   *Graph            `json:"split,omitempty"`  // gives the part that a row had: 0 train, 1 valid, 2 test
	Before  []Graph           `json:"before,omitempty"` // splits of the models that this one went on from, those that are others
	Golden  Golden            `json:"golden"`
	DAG     string            `json:"dag"`  // digest of the DAG with its parameters
	Data    map[string]string `json:"data"` // digest of each source, and the hash of each model that was gone on from, as models://NAME@VERSION
	Files   []File            `json:"files"`
}

// Task says what the predictions mean.
type Task struct {
	Kind     operators.TaskKind `json:"kind"`
	Label    string             `json:"label,omitempty"`
	Positive string             `json:"positive,omitempty"`
	Scores   []string           `json:"scores"`
}

// Column is a column in or out.
type Column struct {
	Name       string   `json:"name"`
	Type       string   `json:"type"`
	Nullable   bool     `json:"nullable"`
	Categories []string `json:"categories,omitempty"`
	Members    []string `json:"members,omitempty"` // out: of a wide column, their names
}

// Graph is a program.Graph with the states of its nodes elsewhere.
type Graph struct {
	Slots []string `json:"slots"` // types
	In    []Port   `json:"in"`
	Out   []Port   `json:"out"`
	Nodes []Node   `json:"nodes"`
}

// Port is a named slot.
type Port struct {
	Name string `json:"name"`
	Slot int    `json:"slot"`
}

// Node is a node; its state is Bytes bytes of File from Offset.
type Node struct {
	Kind   string `json:"kind"`
	Step   string `json:"step"`
	In     []int  `json:"in"`
	Out    []int  `json:"out"`
	File   string `json:"file"`
	Offset int64  `json:"offset"`
	Bytes  int64  `json:"bytes"`
}

// Golden is rows with the predictions that they must give, to the bit, as text that reads back to the same bits.
type Golden struct {
	In  [][]*string `json:"in"`  // a list a row, in the order of Inputs; null is null
	Out [][]*string `json:"out"` // in the order of Outputs
}

// File is a file of the bundle.
type File struct {
	Path   string `json:"path"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Bundle is a loaded bundle. It is immutable.
type Bundle struct {
	Manifest Manifest
	Graph    program.Graph
	Split    *program.Graph
	Before   []*program.Graph
	Hash     string // of the model: see Manifest.Hash
	Inputs   []operators.Field
	Outputs  []operators.Field
}

// Splits say which rows the model has learnt from, as those that any of them sends to train: its own, and those of the models that it
// went on from.
func (b *Bundle) Splits() []*program.Graph {
	if b.Split == nil {
		return b.Before
	}
	return append([]*program.Graph{b.Split}, b.Before...)
}

// Draft is what a bundle is made of.
type Draft struct {
	Engine, Name, DAG string
	Task              Task
	Inputs, Outputs   []operators.Field // of Graph's ports, in their order
	Graph             program.Graph
	Split             *program.Graph
	Before            []*program.Graph // of which Make leaves out those that are Split or one before
	Golden            batch.Batch      // rows in the order of Inputs; none proves nothing
	Data              map[string]string
}

// Make gives the files of a bundle, by path. The same draft gives the same bytes. It reads back what it wrote: a draft that would not
// load, or not as it was (a name that is not UTF-8), is an error and not a model that is found broken when it is to serve.
func Make(d Draft) (map[string][]byte, error) {
	m := Manifest{Format: Format, Engine: d.Engine, Name: d.Name, DAG: d.DAG, Task: d.Task, Data: d.Data,
		Inputs: columns(d.Inputs), Outputs: columns(d.Outputs)}
	files := map[string][]byte{}
	m.Graph = describe(d.Graph, "states/", files)
	if d.Split != nil {
		s := describe(*d.Split, "split/", files)
		m.Split = &s
	}
	for _, g := range distinct(d.Split, d.Before) {
		m.Before = append(m.Before, describe(*g, fmt.Sprintf("before/%d.", len(m.Before)), files))
	}
	c := &batch.Ctx{}
	out, err := d.Graph.Batch(c, d.Golden.N, d.Golden.Cols)
	if err != nil {
		return nil, fmt.Errorf("golden rows: %w", err)
	}
	for j := range min(len(out), len(m.Outputs)) { // where they are not as many it will not load
		m.Outputs[j].Members = out[j].Members
	}
	m.Golden = Golden{In: texts(d.Golden.Cols, d.Golden.N), Out: texts(out, d.Golden.N)}
	for name, data := range files {
		h := sha256.Sum256(data)
		m.Files = append(m.Files, File{name, int64(len(data)), hex.EncodeToString(h[:])})
	}
	slices.SortFunc(m.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetIndent("", " ")
	e.SetEscapeHTML(false)
	if err := e.Encode(m); err != nil {
		return nil, err
	}
	files["manifest.json"] = buf.Bytes()
	b, err := Load(inMemory(files))
	if err == nil && !reflect.DeepEqual(b.Manifest, m) {
		err = errors.New("it reads back as another: a name or category is not UTF-8")
	}
	if err != nil {
		return nil, fmt.Errorf("the model would not load: %w", err)
	}
	return files, nil
}

// distinct are the splits that are not own, each once.
func distinct(own *program.Graph, splits []*program.Graph) (out []*program.Graph) {
	seen := map[string]bool{}
	if own != nil {
		seen[string(own.Marshal())] = true
	}
	for _, g := range splits {
		if key := string(g.Marshal()); !seen[key] {
			seen[key] = true
			out = append(out, g)
		}
	}
	return out
}

// inMemory is files as a file system.
type inMemory map[string][]byte

func (m inMemory) Open(name string) (fs.File, error) {
	data, ok := m[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &memoryFile{Reader: bytes.NewReader(data), name: path.Base(name)}, nil
}

type memoryFile struct {
	*bytes.Reader
	name string
}

func (f *memoryFile) Close() error               { return nil }
func (f *memoryFile) Stat() (fs.FileInfo, error) { return f, nil }
func (f *memoryFile) Name() string               { return f.name }
func (f *memoryFile) Mode() fs.FileMode          { return 0o444 }
func (f *memoryFile) ModTime() time.Time         { return time.Time{} }
func (f *memoryFile) IsDir() bool                { return false }
func (f *memoryFile) Sys() any                   { return nil }

// Hash is the model's: SHA-256 of the manifest without where the model comes from (engine, DAG and data digests). As the manifest holds
// the digest of every file, models of one hash predict alike to the bit, however their data was cut into files.
func (m Manifest) Hash() string {
	m.Engine, m.DAG, m.Data = "", "", nil
	b, err := json.Marshal(m)
	if err != nil {
		panic(err) // it was JSON before
	}
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// Hash is the model's hash, of the files that Make gave.
func Hash(files map[string][]byte) string {
	var m Manifest
	if err := json.Unmarshal(files["manifest.json"], &m); err != nil {
		panic(err) // Make wrote it
	}
	return m.Hash()
}

func columns(fields []operators.Field) []Column {
	out := []Column{}
	for _, f := range fields {
		c := Column{Name: f.Name, Type: f.Type.String(), Nullable: f.Nullable}
		if len(f.Categories) > 0 {
			c.Categories = f.Categories
		}
		out = append(out, c)
	}
	return out
}

// describe writes the states into files and gives what stands in the manifest.
func describe(g program.Graph, folder string, files map[string][]byte) Graph {
	o := Graph{Slots: []string{}, In: ports(g.In), Out: ports(g.Out), Nodes: []Node{}}
	for _, t := range g.Types {
		o.Slots = append(o.Slots, t.String())
	}
	for _, n := range g.Nodes {
		var w canon.Writer
		n.Kind.Encode(&w)
		name := folder + fileName(n.Step) + ".bin"
		o.Nodes = append(o.Nodes, Node{n.Kind.ID(), n.Step, some(n.In), some(n.Out), name, int64(len(files[name])), int64(len(w.Buf))})
		files[name] = append(files[name], w.Buf...)
	}
	return o
}

func some(s []int) []int {
	if s == nil {
		return []int{}
	}
	return s
}

func ports(ps []program.Port) []Port {
	out := []Port{}
	for _, p := range ps {
		out = append(out, Port{p.Name, p.Slot})
	}
	return out
}

// fileName makes a step's id a file's name: features[0] is features.0.
func fileName(step string) string {
	var b strings.Builder
	for _, r := range step {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_':
			b.WriteRune(r)
		case r == '[', r == '/', r == '#':
			b.WriteByte('.')
		}
	}
	if b.Len() == 0 {
		return "program"
	}
	return b.String()[:min(b.Len(), fileNameMax)]
}

// fileRule is what fileName and the folders give: nothing else is opened.
var fileRule = regexp.MustCompile(`^(states|split|before)/[A-Za-z0-9_.]{1,110}\.bin$`)

// Load reads a bundle and proves it: sizes and digests of every file, the graph, and the golden rows.
func Load(fsys fs.FS) (*Bundle, error) {
	raw, err := read(fsys, "manifest.json", manifestBytesMax)
	if err != nil {
		return nil, err
	}
	b := &Bundle{}
	if err := parse(raw, &b.Manifest); err != nil {
		return nil, fmt.Errorf("manifest.json: %w", err)
	}
	b.Hash = b.Manifest.Hash()
	m := &b.Manifest
	files, err := states(fsys, m)
	if err != nil {
		return nil, err
	}
	if b.Graph, err = restore(m.Graph, files); err != nil {
		return nil, err
	}
	if m.Split != nil {
		g, err := restore(*m.Split, files)
		if err != nil {
			return nil, fmt.Errorf("split: %w", err)
		}
		b.Split = &g
	}
	for _, s := range m.Before {
		g, err := restore(s, files)
		if err != nil {
			return nil, fmt.Errorf("split before: %w", err)
		}
		b.Before = append(b.Before, &g)
	}
	for _, f := range m.Files {
		if n := len(files[f.Path]); n > 0 {
			return nil, fmt.Errorf("%s: %d bytes that no node has", f.Path, n)
		}
	}
	if b.Inputs, err = fields(m.Inputs, b.Graph, b.Graph.In); err != nil {
		return nil, fmt.Errorf("inputs: %w", err)
	}
	if b.Outputs, err = fields(m.Outputs, b.Graph, b.Graph.Out); err != nil {
		return nil, fmt.Errorf("outputs: %w", err)
	}
	for _, s := range m.Task.Scores {
		if !b.Graph.Has(s) {
			return nil, fmt.Errorf("task: score %q is no output", s)
		}
	}
	if err := b.replay(); err != nil {
		return nil, fmt.Errorf("golden rows: %w", err)
	}
	return b, nil
}

// parse reads a manifest. It is strict: a field that this version does not know, a key twice (of which another reader might take the
// other) or anything behind the end is refused.
func parse(raw []byte, m *Manifest) error {
	var head struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return err
	}
	if head.Format != Format {
		return fmt.Errorf("bundle format %d, this version reads %d", head.Format, Format)
	}
	if err := keysOnce(json.NewDecoder(bytes.NewReader(raw))); err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	return dec.Decode(m)
}

// keysOnce refuses an object that has a key twice, in any case of letters: encoding/json takes one for the other. So it does with letters that
// are no case of one another but have one in common, as s and the long ſ.
func keysOnce(dec *json.Decoder) error {
	var keys []map[string]bool // of the objects that are open; nil for a list
	key := false               // a key is next
	for {
		t, err := dec.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case json.Delim:
			switch t {
			case '{':
				keys = append(keys, map[string]bool{})
			case '[':
				keys = append(keys, nil)
			default:
				keys = keys[:len(keys)-1]
			}
		case string:
			if key {
				k := strings.ToLower(strings.ToUpper(t))
				if open := keys[len(keys)-1]; open[k] {
					return fmt.Errorf("key %q twice", t)
				} else {
					open[k] = true
				}
				key = false
				continue
			}
		}
		key = len(keys) > 0 && keys[len(keys)-1] != nil
	}
}

// states reads the files that a manifest lists and holds them to their sizes and digests.
func states(fsys fs.FS, m *Manifest) (map[string][]byte, error) {
	files, left := map[string][]byte{}, int64(stateBytesMax)
	for i, f := range m.Files {
		if !fileRule.MatchString(f.Path) {
			return nil, fmt.Errorf("manifest.json: bad file name %q", f.Path)
		}
		if i > 0 && f.Path <= m.Files[i-1].Path {
			return nil, fmt.Errorf("manifest.json: file %q is listed twice or out of order", f.Path)
		}
		if f.Bytes < 0 || f.Bytes > left {
			return nil, fmt.Errorf("%s: %d bytes, with the others more than %d", f.Path, f.Bytes, int64(stateBytesMax))
		}
		left -= f.Bytes
		data, err := read(fsys, f.Path, f.Bytes)
		if err != nil {
			return nil, err
		}
		if s := sha256.Sum256(data); int64(len(data)) != f.Bytes || hex.EncodeToString(s[:]) != f.SHA256 {
			return nil, fmt.Errorf("%s: its size or digest is not the manifest's: the file was changed", f.Path)
		}
		files[f.Path] = data
	}
	return files, nil
}

func read(fsys fs.FS, name string, most int64) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		return nil, errors.Join(fmt.Errorf("%s: not a file", name), err)
	}
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if int64(len(data)) > most {
		return nil, fmt.Errorf("%s: more than %d bytes", name, most)
	}
	return data, nil
}

// restore puts a graph together in its canonical encoding and reads that: one reader checks everything. It takes the nodes' states off
// the front of their files: each byte is one node's, so that a short manifest cannot ask for a file a thousand times.
func restore(g Graph, files map[string][]byte) (program.Graph, error) {
	var w canon.Writer
	w.Uint(1)
	w.Uint(uint64(len(g.Slots)))
	for _, s := range g.Slots {
		t, err := slotType(s)
		if err != nil {
			return program.Graph{}, err
		}
		program.WriteType(&w, t)
	}
	for _, ps := range [][]Port{g.In, g.Out} {
		w.Uint(uint64(len(ps)))
		for _, p := range ps {
			w.String(p.Name)
			w.Uint(uint64(p.Slot))
		}
	}
	w.Uint(uint64(len(g.Nodes)))
	at := map[string]int64{}
	for _, n := range g.Nodes {
		data, ok := files[n.File]
		if !ok || n.Offset != at[n.File] || n.Bytes < 0 || n.Bytes > int64(len(data)) {
			return program.Graph{}, fmt.Errorf("node %s of step %q: its state is not the %d bytes at %d of %q", n.Kind, n.Step, n.Bytes, n.Offset, n.File)
		}
		at[n.File], files[n.File] = n.Offset+n.Bytes, data[n.Bytes:]
		w.String(n.Kind)
		w.String(n.Step)
		canon.Ints(&w, n.In)
		canon.Ints(&w, n.Out)
		w.Bytes(data[:n.Bytes])
	}
	o, err := program.Unmarshal(w.Buf)
	if err != nil {
		return o, err
	}
	for _, ps := range [][]program.Port{o.In, o.Out} {
		seen := map[string]bool{}
		for _, p := range ps {
			if seen[p.Name] {
				return o, fmt.Errorf("two columns %q", p.Name)
			}
			seen[p.Name] = true
		}
	}
	return o, nil
}

func slotType(s string) (batch.Type, error) {
	if s == "vector" {
		return batch.T(batch.Vector), nil
	}
	return batch.ParseType(s)
}

func fields(cols []Column, g program.Graph, ports []program.Port) ([]operators.Field, error) {
	if len(cols) != len(ports) {
		return nil, fmt.Errorf("%d columns, %d ports", len(cols), len(ports))
	}
	var out []operators.Field
	for i, c := range cols {
		t, err := slotType(c.Type)
		if err != nil {
			return nil, err
		}
		if ports[i].Name != c.Name || g.Types[ports[i].Slot] != t || t.String() != c.Type {
			return nil, fmt.Errorf("column %q is not the graph's", c.Name)
		}
		out = append(out, operators.Field{Name: c.Name, Type: t, Nullable: c.Nullable, Categories: c.Categories})
	}
	return out, nil
}

// replay runs the golden rows, in the batch form, few and many at a time, and in the row form.
func (b *Bundle) replay() error {
	g := b.Manifest.Golden
	if len(g.In) != len(g.Out) {
		return fmt.Errorf("%d rows in, %d out", len(g.In), len(g.Out))
	}
	n := len(g.In)
	cols := make([]batch.Column, len(b.Inputs))
	for j, f := range b.Inputs {
		vals := make([]*string, n)
		for i, row := range g.In {
			if len(row) != len(b.Inputs) {
				return fmt.Errorf("row %d has %d values for %d columns", i, len(row), len(b.Inputs))
			}
			vals[i] = row[j]
		}
		c, err := ParseColumn(f, vals)
		if err != nil {
			return err
		}
		cols[j] = c
	}
	c := &batch.Ctx{}
	out, err := b.Graph.Batch(c, n, cols)
	if err != nil {
		return err
	}
	for j := range out {
		if c := b.Manifest.Outputs[j]; !slices.Equal(out[j].Members, c.Members) {
			return fmt.Errorf("%s has the members %s, they were %s when the model was published", c.Name, strings.Join(out[j].Members, ", "), strings.Join(c.Members, ", "))
		}
	}
	if err := compare(texts(out, n), g.Out, b.Outputs); err != nil {
		return err
	}
	if err := b.replayMany(cols, out, c.Used()); err != nil {
		return err
	}
	f := b.Graph.Frame()
	for i := range n {
		for j, p := range b.Graph.In {
			f.SetRow(p.Slot, &cols[j], i)
		}
		if err := b.Graph.Row(f); err != nil {
			return err
		}
		row := make([]*string, len(b.Graph.Out))
		for j, p := range b.Graph.Out {
			row[j] = frameText(f, p.Slot, b.Graph.Types[p.Slot])
		}
		if err := compare([][]*string{row}, g.Out[i:i+1], b.Outputs); err != nil {
			return fmt.Errorf("one at a time: %w", err)
		}
	}
	return nil
}

// replayMany runs the rows of in over and over, until they are as many as a kernel takes at a time and a few more: trees compare whole blocks of
// rows, which no row of a few would reach, and which serve all but the last rows of a batch. want is what the rows give, for which an arena
// lent so many bytes; of rows so wide that the copies would take more than replayBytesMax there are fewer.
func (b *Bundle) replayMany(in, want []batch.Column, bytes int64) error {
	n := len(b.Manifest.Golden.In)
	if n == 0 {
		return nil
	}
	for j := range in {
		bytes += in[j].Bytes()
	}
	at := make([]int32, max(n, min(n+forest.Rows, int(replayBytesMax/(bytes/int64(n)+1)))))
	for i := range at {
		at[i] = int32(i % n)
	}
	many := batch.Batch{N: n, Cols: in}.Take(nil, at)
	out, err := b.Graph.Batch(&batch.Ctx{}, many.N, many.Cols)
	if err != nil {
		return err
	}
	for j := range out {
		for i, row := range at {
			if !same(&out[j], i, &want[j], int(row)) {
				return fmt.Errorf("row %d, among %d: %s is %s, it was %s when the model was published", row, len(at), b.Outputs[j].Name,
					show(Text(&out[j], i)), show(Text(&want[j], int(row))))
			}
		}
	}
	return nil
}

// same says whether two cells of a type are equal to the bit; all NaN are one, as they are in text.
func same(a *batch.Column, i int, b *batch.Column, j int) bool {
	equal := func(x, y float64) bool { return math.Float64bits(x) == math.Float64bits(y) || x != x && y != y }
	if a.Null(i) || b.Null(j) {
		return a.Null(i) == b.Null(j)
	}
	switch kind := a.Type.Kind; {
	case kind == batch.Bool:
		return a.Bit(i) == b.Bit(j)
	case kind == batch.Float32:
		return equal(float64(a.Float32s()[i]), float64(b.Float32s()[j]))
	case kind == batch.Float64:
		return equal(a.Float64s()[i], b.Float64s()[j])
	case kind == batch.Vector:
		for m := range a.Wide {
			if !equal(a.Member(m)[i], b.Member(m)[j]) {
				return false
			}
		}
		return true
	case a.Type.Text():
		return bytes.Equal(a.Text(i), b.Text(j))
	}
	w := a.Type.Width()
	return bytes.Equal(a.Values[i*w:(i+1)*w], b.Values[j*w:(j+1)*w])
}

func compare(got, want [][]*string, cols []operators.Field) error {
	for i := range want {
		if len(got[i]) != len(want[i]) {
			return fmt.Errorf("row %d: %d values for %d columns", i, len(want[i]), len(cols))
		}
		for j := range want[i] {
			a, b := got[i][j], want[i][j]
			if (a == nil) != (b == nil) || a != nil && *a != *b {
				return fmt.Errorf("row %d: %s is %s, it was %s when the model was published", i, cols[j].Name, show(a), show(b))
			}
		}
	}
	return nil
}

func show(s *string) string {
	if s == nil {
		return "null"
	}
	return *s
}

// texts gives the values of columns as text that reads back to the same bits, a list a row.
func texts(cols []batch.Column, n int) [][]*string {
	out := [][]*string{}
	for i := range n {
		row := make([]*string, len(cols))
		for j := range cols {
			row[j] = Text(&cols[j], i)
		}
		out = append(out, row)
	}
	return out
}

// Text is a value as text that ParseColumn reads back to the same bits; nil is null.
func Text(c *batch.Column, i int) *string {
	if c.Null(i) {
		return nil
	}
	var s string
	switch c.Type.Kind {
	case batch.Bool:
		s = strconv.FormatBool(c.Bit(i))
	case batch.Int32, batch.Date:
		s = strconv.FormatInt(int64(c.Int32s()[i]), 10)
	case batch.Int64, batch.Timestamp, batch.Decimal:
		s = strconv.FormatInt(c.Int64s()[i], 10)
	case batch.Float32:
		s = strconv.FormatFloat(float64(c.Float32s()[i]), 'g', -1, 32)
	case batch.Float64:
		s = strconv.FormatFloat(c.Float64s()[i], 'g', -1, 64)
	case batch.String, batch.Bytes:
		s = strconv.Quote(string(c.Text(i)))
	case batch.Vector:
		v := make([]float64, c.Wide)
		for j := range v {
			v[j] = c.Member(j)[i]
		}
		s = vectorText(v)
	}
	return &s
}

func vectorText(v []float64) string {
	p := make([]string, len(v))
	for j, x := range v {
		p[j] = strconv.FormatFloat(x, 'g', -1, 64)
	}
	return strings.Join(p, " ")
}

func frameText(f *program.Frame, slot int, t batch.Type) *string {
	if f.Null[slot] {
		return nil
	}
	var s string
	switch t.Kind {
	case batch.Bool:
		s = strconv.FormatBool(f.I[slot] != 0)
	case batch.Float32:
		s = strconv.FormatFloat(f.F[slot], 'g', -1, 32)
	case batch.Float64:
		s = strconv.FormatFloat(f.F[slot], 'g', -1, 64)
	case batch.String, batch.Bytes:
		s = strconv.Quote(f.S[slot])
	case batch.Vector:
		s = vectorText(f.V[slot])
	default:
		s = strconv.FormatInt(f.I[slot], 10)
	}
	return &s
}

// ParseColumn makes a column of values as Text gives them; nil is null.
func ParseColumn(f operators.Field, vals []*string) (batch.Column, error) {
	n := len(vals)
	null := make([]bool, n)
	any := false
	var err error
	get := func(i int, read func(s string) error) {
		if vals[i] == nil {
			null[i], any = true, true
			return
		}
		if e := read(*vals[i]); e != nil && err == nil {
			err = fmt.Errorf("column %q: %q is no %s", f.Name, *vals[i], f.Type)
		}
	}
	var c batch.Column
	switch f.Type.Kind {
	case batch.Bool:
		v := make([]bool, n)
		for i := range vals {
			get(i, func(s string) (e error) { v[i], e = strconv.ParseBool(s); return })
		}
		c = batch.OfBools(v)
	case batch.Int32, batch.Date:
		v := make([]int32, n)
		for i := range vals {
			get(i, func(s string) error { x, e := strconv.ParseInt(s, 10, 32); v[i] = int32(x); return e })
		}
		c = batch.OfInt32s(v)
	case batch.Int64, batch.Timestamp, batch.Decimal:
		v := make([]int64, n)
		for i := range vals {
			get(i, func(s string) (e error) { v[i], e = strconv.ParseInt(s, 10, 64); return })
		}
		c = batch.OfInt64s(v)
	case batch.Float32:
		v := make([]float32, n)
		for i := range vals {
			get(i, func(s string) error { x, e := strconv.ParseFloat(s, 32); v[i] = float32(x); return e })
		}
		c = batch.OfFloat32s(v)
	case batch.Float64:
		v := make([]float64, n)
		for i := range vals {
			get(i, func(s string) (e error) { v[i], e = strconv.ParseFloat(s, 64); return })
		}
		c = batch.OfFloat64s(v)
	case batch.String, batch.Bytes:
		v := make([]string, n)
		for i := range vals {
			get(i, func(s string) (e error) { v[i], e = strconv.Unquote(s); return })
		}
		c = batch.OfStrings(v)
	default:
		return c, fmt.Errorf("column %q: a %s is no input", f.Name, f.Type)
	}
	c.Type = f.Type
	if any {
		c = c.WithNulls(null)
	}
	return c, err
}
