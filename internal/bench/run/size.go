package run

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/ringtgt/ringtgt/bench/initiator"
)

const sizesAllowed = "a whole number with k, m, g or t for powers of 1024, such as 512, 4k, 1g"

// parseSize reads fio's sizes: 4k, 4K and 4KiB are 4096. kB and MB are refused because they are ambiguous.
func parseSize(s string) (int64, error) {
	digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
	n, err := strconv.ParseInt(s[:digits], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("want %s", sizesAllowed)
	}
	unit := strings.ToLower(s[digits:])
	shift := 0
	if unit != "" {
		shift = 10 * (strings.IndexByte("kmgtp", unit[0]) + 1)
		if shift == 0 || unit[1:] != "" && unit[1:] != "ib" || n > math.MaxInt64>>shift {
			return 0, fmt.Errorf("want %s", sizesAllowed)
		}
	}
	return n << shift, nil
}

// formatSize writes a size as fio would, "4k".
func formatSize(n int64) string {
	for i, unit := range []string{"t", "g", "m", "k"} {
		if f := int64(1) << (10 * (4 - i)); n >= f && n%f == 0 {
			return strconv.FormatInt(n/f, 10) + unit
		}
	}
	return strconv.FormatInt(n, 10)
}

// parseBlock reads the size of requests.
func parseBlock(s string) (int, error) {
	n, err := parseSize(s)
	if err != nil {
		return 0, err
	}
	if n < minBlock || n > maxBlock || n%minBlock != 0 {
		return 0, fmt.Errorf("want a multiple of %d, at most %s", minBlock, formatSize(maxBlock))
	}
	return int(n), nil
}

// parseSplit reads fio's bssplit, SIZE/PERCENT:SIZE/PERCENT: shares that are left out get what the others leave, evenly.
func parseSplit(s string) ([]initiator.Share, error) {
	const allowed = "want SIZE/PERCENT:SIZE/PERCENT and so on, 100 percent together, such as 4k/60:64k/40"
	var shares []initiator.Share
	var open []int
	left := 100
	for part := range strings.SplitSeq(s, ":") {
		size, percent, _ := strings.Cut(part, "/")
		bytes, err := parseBlock(size)
		if err != nil {
			return nil, fmt.Errorf("%s: size %q: %w", allowed, size, err)
		}
		share := initiator.Share{Bytes: bytes}
		if percent == "" {
			open = append(open, len(shares))
		} else {
			if share.Percent, err = strconv.Atoi(percent); err != nil || share.Percent < 0 || share.Percent > 100 {
				return nil, fmt.Errorf("%s: share %q", allowed, percent)
			}
			left -= share.Percent
		}
		if shares = append(shares, share); len(shares) > maxSplit {
			return nil, fmt.Errorf("%s, at most %d of them", allowed, maxSplit)
		}
	}
	if left < 0 || left > 0 && len(open) == 0 {
		return nil, fmt.Errorf("%s: these are %d", allowed, 100-left)
	}
	for i, at := range open { // the remainder goes to the first ones
		shares[at].Percent = left / len(open)
		if i < left%len(open) {
			shares[at].Percent++
		}
	}
	return shares, nil
}

// formatSplit writes shares as parseSplit reads them.
func formatSplit(shares []initiator.Share) string {
	var parts []string
	for _, s := range shares {
		parts = append(parts, formatSize(int64(s.Bytes))+"/"+strconv.Itoa(s.Percent))
	}
	return strings.Join(parts, ":")
}

// part is the part of a LUN in use: bytes, or a percentage of it.
type part struct {
	bytes   int64
	percent int
}

func parsePart(s string) (part, error) {
	if s == "" {
		return part{percent: 100}, nil
	}
	if number, ok := strings.CutSuffix(s, "%"); ok {
		n, err := strconv.Atoi(number)
		if err != nil || n < 1 || n > 100 {
			return part{}, fmt.Errorf("want 1%% to 100%%, or %s", sizesAllowed)
		}
		return part{percent: n}, nil
	}
	n, err := parseSize(s)
	if err != nil || n < minBlock {
		return part{}, fmt.Errorf("want 1%% to 100%%, or %s", sizesAllowed)
	}
	return part{bytes: n}, nil
}

// of returns the bytes that a part of a LUN has, in whole requests of the largest size.
func (p part) of(capacity uint64, block int) (int64, error) {
	n := p.bytes
	if n == 0 {
		percent := uint64(p.percent)
		n = int64(capacity/100*percent + capacity%100*percent/100)
	}
	if uint64(n) > capacity {
		return 0, fmt.Errorf("--size %s: the LUN has %s", formatSize(n), formatSize(int64(capacity)))
	}
	if n -= n % int64(block); n == 0 {
		return 0, fmt.Errorf("--size: the part of the LUN in use is smaller than one request of %s", formatSize(int64(block)))
	}
	return n, nil
}
