package main

import (
	"strings"
	"testing"
)

const events = `{"Action":"start","Package":"p"}
{"Action":"run","Package":"p","Test":"TestGood"}
{"Action":"output","Package":"p","Test":"TestGood","Output":"chatter\n"}
{"Action":"pass","Package":"p","Test":"TestGood"}
{"Action":"output","Package":"p","Test":"TestData","Output":"=== RUN   TestData\n"}
{"Action":"output","Package":"p","Test":"TestData","Output":"    a_test.go:9: HEADRACE_DATA is not set\n"}
{"Action":"output","Package":"p","Test":"TestData","Output":"--- SKIP: TestData (0.00s)\n"}
{"Action":"skip","Package":"p","Test":"TestData"}
{"Action":"output","Package":"p","Test":"TestBad","Output":"    a_test.go:20: got 1\n"}
{"Action":"fail","Package":"p","Test":"TestBad"}
{"Action":"output","Package":"p","Test":"TestHung","Output":"panic: too late\n"}
{"Action":"output","Package":"p","Output":"FAIL\tp\t0.1s\n"}
{"Action":"fail","Package":"p"}
{"ImportPath":"q","Action":"build-output","Output":"q/q.go:3: no such thing\n"}
go: something in plain words
{"Action":"output","Package":"r","Output":"ok  \tr\t0.2s\n"}
{"Action":"pass","Package":"r"}
`

func TestTellsFailuresAndSkips(t *testing.T) {
	t.Setenv("HEADRACE_DATA", "")
	t.Setenv("HEADRACE_CORPORA", "here")
	var out strings.Builder
	told := &teller{out: &out}
	if err := told.read(strings.NewReader(events)); err != nil {
		t.Fatal(err)
	}
	told.summary()
	for _, want := range []string{
		"a_test.go:20: got 1", "panic: too late", "FAIL\tp", "no such thing", "go: something in plain words", "ok  \tr",
		"1 passed, 1 failed, 1 skipped", "skipped 1: HEADRACE_DATA is not set (p.TestData)", "HEADRACE_DATA is not set: tests that need",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("not said: %q", want)
		}
	}
	for _, bad := range []string{"chatter", "HEADRACE_CORPORA is not set"} {
		if strings.Contains(out.String(), bad) {
			t.Errorf("said: %q", bad)
		}
	}
	if t.Failed() {
		t.Log(out.String())
	}
}
