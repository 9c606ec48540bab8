package program

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestZoneTable(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, name := range []string{"Europe/Berlin", "America/New_York", "Asia/Kathmandu", "UTC", "Australia/Lord_Howe", "America/Sao_Paulo",
		"Africa/Casablanca", "Pacific/Apia", "Asia/Tehran", "Europe/Dublin", "America/Nuuk", "Antarctica/Troll", "Etc/GMT+5"} {
		z, err := loadZone(name)
		if err != nil {
			t.Fatal(err)
		}
		check := func(secs int64) {
			_, want := time.Unix(secs, 0).In(z.loc).Zone()
			off, from, to := z.at(secs)
			if off != int64(want) || secs < from || secs >= to {
				t.Fatalf("%s at %v: %d, not %d", name, time.Unix(secs, 0).UTC(), off, want)
			}
		}
		for range 20000 {
			check(r.Int64N(9e9) - 4e9)
		}
		for _, s := range z.from {
			for d := int64(-3); d <= 3; d++ {
				check(s + d)
			}
		}
	}
	for _, bad := range []string{"", "Local", "../etc/passwd", "Europe/Berlinn", "/etc/localtime"} {
		if CheckZone(bad) == nil {
			t.Errorf("%q is a zone", bad)
		}
	}
}

func TestCalendar(t *testing.T) {
	for days := int64(-13e6); days < 13e6; days += 11 {
		w := time.Unix(days*86400, 0).UTC()
		y, m, d := fromDays(days)
		if fy, fm, fd := fromFarDays(days); fy != y || fm != m || fd != d {
			t.Fatalf("day %d is %d-%d-%d or %d-%d-%d", days, y, m, d, fy, fm, fd)
		}
		if int(y) != w.Year() || int(m) != int(w.Month()) || int(d) != w.Day() || daysOf(y, m, d) != days {
			t.Fatalf("day %d is %d-%d-%d, not %v", days, y, m, d, w)
		}
		if datePart(opYearday, days) != int64(w.YearDay()) || datePart(opWeekday, days) != int64((w.Weekday()+6)%7+1) {
			t.Fatalf("day %d", days)
		}
	}
}
