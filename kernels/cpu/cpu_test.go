package cpu

import "testing"

func TestStart(t *testing.T) {
	for _, c := range []struct {
		asked      string
		best, want Level
	}{
		{"", AVX512, AVX512}, {"go", AVX512, Go}, {"avx2", AVX512, AVX2}, {"avx512", AVX2, AVX2}, {"AVX2", AVX512, AVX512}, {"mmx", AVX2, AVX2},
	} {
		if got := start(c.asked, c.best); got != c.want {
			t.Errorf("start(%q, %v) = %v, want %v", c.asked, c.best, got, c.want)
		}
	}
}

func TestLower(t *testing.T) {
	before := Now()
	outer := Lower(AVX2)
	inner := Lower(Go)
	if Now() != Go {
		t.Errorf("lowered to go, is %v", Now())
	}
	inner()
	if want := min(AVX2, Best()); Now() != want {
		t.Errorf("restored to %v, want %v", Now(), want)
	}
	outer()
	if Now() != before {
		t.Errorf("restored to %v, want %v", Now(), before)
	}
	if Lower(AVX512); Now() > Best() {
		t.Errorf("raised to %v above %v", Now(), Best())
	}
	now.Store(uint32(before))
}

func TestNames(t *testing.T) {
	for _, l := range []Level{Go, AVX2, AVX512} {
		if got, ok := Parse(l.String()); !ok || got != l {
			t.Errorf("Parse(%q) = %v, %v", l, got, ok)
		}
	}
	if _, ok := Parse("unknown"); ok {
		t.Error(`Parse("unknown") is ok`)
	}
	t.Setenv("HEADRACE_CPU", "sse9")
	if v, ok := Asked(); v != "sse9" || ok {
		t.Errorf("Asked() = %q, %v", v, ok)
	}
}
