package parquet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

const (
	codecNone   = 0
	codecSnappy = 1
	codecGzip   = 2
	codecLZO    = 3
	codecBrotli = 4
	codecLZ4    = 5 // Hadoop's frames, or raw blocks: writers disagreed
	codecZstd   = 6
	codecLZ4Raw = 7
)

var errLength = errors.New("the page does not expand to the size in its header")

// One zstd decoder may serve many goroutines, but it waits for one of its blocks then: workers have one each.
var zstds = sync.Pool{New: func() any {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		panic(err) // the options are constants
	}
	return d
}}

// plausible says whether src may expand to size bytes, as far as that is known before memory is taken for it.
func plausible(codec int32, size int, src []byte) bool {
	switch codec {
	case codecSnappy:
		n, err := snappy.DecodedLen(src)
		return err == nil && n == size
	case codecGzip, codecLZ4, codecLZ4Raw:
		return size <= 1100*len(src)+1024 // Deflate's best is 1032, LZ4's 255
	case codecZstd:
		var h zstd.Header
		return h.Decode(src) == nil && (!h.HasFCS || h.FrameContentSize <= uint64(size))
	}
	return true
}

// decompress fills dst, exactly, and never takes memory for more than it: the header's size was held against the cap before.
func decompress(codec int32, dst, src []byte) error {
	switch codec {
	case codecSnappy:
		if n, err := snappy.DecodedLen(src); err != nil {
			return err
		} else if n != len(dst) {
			return errLength
		}
		out, err := snappy.Decode(dst, src)
		if err == nil && len(out) != len(dst) {
			err = errLength
		}
		return err
	case codecZstd:
		d := zstds.Get().(*zstd.Decoder)
		defer zstds.Put(d)
		// Where there is room behind the end, its faster loops may write there.
		out, err := d.DecodeAll(src, dst[:0:min(cap(dst), len(dst)+padding)])
		if err == nil && len(out) != len(dst) {
			err = errLength
		}
		return err
	case codecGzip:
		r, err := gzip.NewReader(bytes.NewReader(src))
		if err != nil {
			return err
		}
		return fill(r, dst)
	case codecBrotli:
		return fill(brotli.NewReader(bytes.NewReader(src)), dst)
	case codecLZ4Raw:
		return lz4Block(dst, src)
	case codecLZ4:
		if lz4Hadoop(dst, src) == nil {
			return nil
		}
		return lz4Block(dst, src)
	case codecLZO:
		return errors.New("codec lzo is not supported")
	}
	return fmt.Errorf("unknown codec %d", codec)
}

func fill(r io.Reader, dst []byte) error {
	if _, err := io.ReadFull(r, dst); err != nil {
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return errLength
		}
		return err
	}
	var one [1]byte
	switch n, err := r.Read(one[:]); {
	case n > 0:
		return errLength
	case err != nil && err != io.EOF:
		return err // a checksum at the end
	}
	return nil
}

func lz4Block(dst, src []byte) error {
	n, err := lz4.UncompressBlock(src, dst)
	if err == nil && n != len(dst) {
		err = errLength
	}
	return err
}

// lz4Hadoop reads frames of: size when expanded, then blocks with their own size, until as much is there; sizes are big-endian.
func lz4Hadoop(dst, src []byte) error {
	for len(src) > 0 {
		if len(src) < 8 {
			return errLength
		}
		frame := int64(binary.BigEndian.Uint32(src))
		src = src[4:]
		if frame > int64(len(dst)) {
			return errLength
		}
		for left := dst[:frame]; len(left) > 0; {
			if len(src) < 4 {
				return errLength
			}
			n := int64(binary.BigEndian.Uint32(src))
			if src = src[4:]; n > int64(len(src)) {
				return errLength
			}
			m, err := lz4.UncompressBlock(src[:n], left)
			if err != nil {
				return err
			}
			if m == 0 {
				return errLength
			}
			src, left = src[n:], left[m:]
		}
		dst = dst[frame:]
	}
	if len(dst) > 0 {
		return errLength
	}
	return nil
}
