package main

import (
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	got, err := read(strings.NewReader(`goos: linux
pkg: github.com/headrace/headrace/kernels/elem
cpu: A Processor
BenchmarkElem/add/go-2         	 100	 0 ns/op	 0.8000 ns/row	 50.40 %memory
BenchmarkElem/add/avx512-2     	 100	 0 ns/op	 0.0400 ns/row	 99.60 %memory
PASS
pkg: github.com/headrace/headrace/kernels/hash
BenchmarkHash/bytes/8         	 100	 40 ns/op
BenchmarkRows/words=1/go      	 100	 0 ns/op	 12.00 ns/row	 10.40 %compute
`))
	if err != nil {
		t.Fatal(err)
	}
	want := `A Processor; ns a row.

| kernel | go | avx2 | avx512 | go / best | of the limit |
|---|---|---|---|---|---|
| elem.add | 0.80 | - | 0.040 | 20.0 | 100% of memory |
| hash.Rows/words=1 | 12 | - | - | - | 10% of compute |
`
	if got := got.markdown(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if _, err := read(strings.NewReader("BenchmarkElem/add/go 1 x ns/row\n")); err == nil {
		t.Error("a value that is no number was read")
	}
}
