package csv

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// recordMax is what one record may take, quoted line ends included: an opening quote that nothing closes would swallow the file.
const recordMax = 64 << 20

// scanner cuts text into records. A field is a range of buf, which holds until the next record.
type scanner struct {
	src   io.Reader
	buf   []byte
	start int // of the record just read
	at    int // of the next record
	end   int
	eof   bool
	stop  [256]bool // bytes that end an unquoted field
	sep   byte
	line  int64 // of the record just read, from 1
	next  int64 // of the next one
	keep  bool  // an empty line is a record (of one empty field)

	fields []field
}

type field struct {
	from, to int
	quoted   bool
	escaped  bool // has doubled quotes
}

// lineError is an error of a line.
type lineError struct {
	line int64
	err  error
}

func (e *lineError) Error() string { return e.err.Error() }
func (e *lineError) Unwrap() error { return e.err }

func newScanner(src io.Reader, sep byte) *scanner {
	s := &scanner{src: src, buf: make([]byte, 256<<10), next: 1}
	s.separate(sep)
	return s
}

func (s *scanner) separate(sep byte) {
	s.sep, s.stop = sep, [256]bool{}
	s.stop[sep], s.stop['\n'] = true, true
}

// more reads on; what is not yet used moves to the front.
func (s *scanner) more() error {
	if s.at > 0 {
		copy(s.buf, s.buf[s.at:s.end])
		s.end -= s.at
		s.at = 0
	}
	if s.end == len(s.buf) {
		if len(s.buf) >= recordMax {
			return &lineError{s.next, fmt.Errorf("a record of more than %d bytes; is a quote not closed?", recordMax)}
		}
		s.buf = append(s.buf, make([]byte, len(s.buf))...)
	}
	for s.end < len(s.buf) && !s.eof {
		n, err := s.src.Read(s.buf[s.end:])
		s.end += n
		if err == io.EOF {
			s.eof = true
		} else if err != nil {
			return err
		}
	}
	return nil
}

// begin looks at the first bytes: a mark of the encoding, and the line by which Excel is told the delimiter.
func (s *scanner) begin() error {
	if err := s.more(); err != nil {
		return err
	}
	b := s.buf[:s.end]
	switch {
	case bytes.HasPrefix(b, []byte{0xef, 0xbb, 0xbf}):
		s.at = 3
	case bytes.HasPrefix(b, []byte{0xff, 0xfe}), bytes.HasPrefix(b, []byte{0xfe, 0xff}), bytes.HasPrefix(b, []byte{0, 0, 0xfe, 0xff}):
		return &lineError{1, errors.New("UTF-16 or UTF-32 text; only UTF-8 is read")}
	}
	if i := bytes.IndexByte(b[:min(len(b), 8192)], 0); i >= 0 {
		return &lineError{int64(1 + bytes.Count(b[:i], []byte{'\n'})), errors.New("a NUL byte; is it UTF-16, or no text?")}
	}
	b = b[s.at:]
	if bytes.HasPrefix(b, []byte("sep=")) && len(b) >= 5 && b[4] != '"' && b[4] != '\n' && b[4] != '\r' {
		n := 0
		switch rest := b[5:]; {
		case len(rest) == 0:
			n = 5
		case rest[0] == '\n':
			n = 6
		case bytes.HasPrefix(rest, []byte("\r\n")):
			n = 7
		}
		if n > 0 {
			s.separate(b[4])
			s.at += n
			s.next++
		}
	}
	return nil
}

// record reads the next record into fields; io.EOF after the last.
func (s *scanner) record() error {
	for {
		done, err := s.try()
		if err != nil {
			return err
		}
		if !done {
			if err := s.more(); err != nil {
				return err
			}
			continue
		}
		// An empty line between records is nobody's record, but where there is one column it is the only way to say nothing.
		if f := s.fields; !s.keep && len(f) == 1 && !f[0].quoted && len(bytes.TrimLeft(s.buf[f[0].from:f[0].to], " \t")) == 0 {
			continue
		}
		return nil
	}
}

// try reads a record from what is in buf; false where it goes on behind.
func (s *scanner) try() (bool, error) {
	b, p := s.buf[:s.end], s.at
	if p == len(b) {
		if s.eof {
			return false, io.EOF
		}
		return false, nil
	}
	s.fields = s.fields[:0]
	lines := int64(1)
	for {
		var f field
		if p < len(b) && b[p] == '"' {
			f = field{from: p + 1, quoted: true}
			p++
			for {
				i := bytes.IndexByte(b[p:], '"')
				if i < 0 {
					if s.eof {
						return false, &lineError{s.next, errors.New("a quote is not closed")}
					}
					return false, nil
				}
				if p += i; p+1 == len(b) && !s.eof {
					return false, nil
				}
				if p+1 == len(b) || b[p+1] != '"' {
					break
				}
				f.escaped = true
				p += 2
			}
			f.to = p
			lines += int64(bytes.Count(b[f.from:f.to], []byte{'\n'}))
			p++
			if p < len(b) && b[p] == '\r' { // of \r\n; alone it is caught below
				if p+1 == len(b) && !s.eof {
					return false, nil
				}
				if p+1 == len(b) || b[p+1] == '\n' {
					p++
				}
			}
			if p < len(b) && b[p] != s.sep && b[p] != '\n' {
				return false, &lineError{s.next + lines - 1, fmt.Errorf("text behind a closing quote: %q", clip(b[p:]))}
			}
		} else {
			f.from = p
			for p < len(b) && !s.stop[b[p]] {
				p++
			}
			if p == len(b) && !s.eof {
				return false, nil
			}
			// A quote inside of a field that does not begin with one is a quote: 37°36'37.8"N.
			if f.to = p; (p == len(b) || b[p] == '\n') && p > f.from && b[p-1] == '\r' {
				f.to--
			}
		}
		if p == len(b) && !s.eof {
			return false, nil
		}
		s.fields = append(s.fields, f)
		if p < len(b) && b[p] == s.sep {
			p++
			continue
		}
		break
	}
	s.line, s.next = s.next, s.next+lines
	s.start, s.at = s.at, min(p+1, len(b))
	return true, nil
}

func clip(b []byte) []byte { return b[:min(len(b), 20)] }

// text is a field's text; doubled quotes are undone in place, once.
func (s *scanner) text(f *field) []byte {
	b := s.buf[f.from:f.to]
	if f.escaped {
		n := 0
		for i := 0; i < len(b); i++ {
			b[n] = b[i]
			if n++; b[i] == '"' {
				i++
			}
		}
		f.to, f.escaped = f.from+n, false
		b = b[:n]
	}
	return b
}
