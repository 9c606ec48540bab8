package layers

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Targets are the builds in which Go's compiler may fuse x*y+z into one instruction that rounds once instead of twice.
// amd64 fuses additions from v3 on, arm64 subtractions too; what is compiled for one of them only is seen there.
var Targets = []string{"GOARCH=arm64", "GOARCH=amd64 GOAMD64=v3"}

// A line of the compiler's listing: offset, place, instruction.
var fusedLine = regexp.MustCompile(`^\t0x[0-9a-f]+ \d+ \((.+):(\d+)\)\t(VFN?M(?:ADD|SUB)\d+[SP][SD]|FN?M(?:ADD|SUB)[SD])\t`)

// Fused compiles the packages of the module in dir for a target and returns the places where the compiler fused a product
// into a sum without being asked to: there the last bit depends on the machine. float64(x*y) keeps the product's own
// rounding. Lines that call math.FMA ask for it, which gives the same bits everywhere.
//
// It reads the listing of the compiler rather than the source, because the compiler fuses through variables, loops,
// generic functions and inlined calls, which no glance at an expression shows.
func Fused(dir, target string, packages ...string) ([]string, error) {
	cmd := exec.Command("go", append([]string{"build", "-gcflags=-S"}, packages...)...)
	cmd.Dir = dir
	// -race or a cgo compiler for another architecture would be asked for by the caller's environment, not by the target.
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0", "GOOS="+runtime.GOOS), strings.Fields(target)...)
	listing, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	places, said, err := fusedIn(listing, dir)
	if waitErr := cmd.Wait(); waitErr != nil {
		return nil, fmt.Errorf("build for %s: %w\n%s", target, waitErr, said)
	}
	return places, err
}

// fusedIn reads a listing and returns the fused places, sorted, each once, and what else the build said: its errors.
func fusedIn(listing io.Reader, dir string) (places []string, said string, err error) {
	sources := sourceLines{}
	var errors strings.Builder
	in := bufio.NewReaderSize(listing, 1<<20)
	for {
		line, readErr := in.ReadBytes('\n')
		switch {
		case bytes.HasPrefix(line, []byte("\t0x")) && (bytes.Contains(line, []byte("MADD")) || bytes.Contains(line, []byte("MSUB"))):
			m := fusedLine.FindSubmatch(line)
			if m == nil {
				break
			}
			file, number, instruction := string(m[1]), string(m[2]), m[3]
			text, lineErr := sources.line(file, number)
			if lineErr != nil {
				err = lineErr
				break
			}
			if strings.Contains(text, "math.FMA(") {
				break
			}
			if short, relErr := filepath.Rel(dir, file); relErr == nil && !strings.HasPrefix(short, "..") {
				file = short
			}
			places = append(places, fmt.Sprintf("%s:%s: fused into %s: %s", file, number, instruction, strings.TrimSpace(text)))
		case errors.Len() < 4000 && bytes.Contains(line, []byte(".go:")) && !bytes.HasPrefix(line, []byte("\t")):
			if at := bytes.IndexByte(line, ' '); at > 0 && line[at-1] == ':' { // file.go:1:2: what is wrong
				errors.Write(line)
			}
		}
		if readErr == io.EOF {
			break
		}
		if readErr != nil {
			return nil, errors.String(), readErr
		}
	}
	slices.Sort(places)
	return slices.Compact(places), errors.String(), err
}

// sourceLines remembers the files it has read.
type sourceLines map[string][]string

func (s sourceLines) line(file, number string) (string, error) {
	n, err := strconv.Atoi(number)
	if err != nil {
		return "", err
	}
	if _, ok := s[file]; !ok {
		src, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		s[file] = strings.Split(string(src), "\n")
	}
	if lines := s[file]; n >= 1 && n <= len(lines) {
		return lines[n-1], nil
	}
	return "", fmt.Errorf("%s has no line %d", file, n)
}

// packagesUnder returns those of the patterns whose folder holds a Go package; go build refuses one that matches nothing.
func packagesUnder(dir string, tops ...string) ([]string, error) {
	files, err := Read(os.DirFS(dir))
	if err != nil {
		return nil, err
	}
	var patterns []string
	for _, top := range tops {
		if slices.ContainsFunc(files, func(f File) bool { return first(f.Dir()) == top && !f.Test() }) {
			patterns = append(patterns, "./"+top+"/...")
		}
	}
	return patterns, nil
}

// moduleDir is where the module lies; tests run in their package's folder.
var moduleDir = sync.OnceValues(func() (string, error) { return filepath.Abs("../..") })
