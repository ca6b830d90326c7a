package report

import "math"

// frame is the part of a chart that the axes enclose.
type frame struct {
	*svg
	x, y                     axis
	left, right, top, bottom float64
}

// newFrame begins a chart of the height and draws its grid, ticks and titles.
func newFrame(height float64, title, desc string, x, y axis) *frame {
	f := &frame{svg: newSVG(height, title, desc), x: x, y: y, left: 104, right: width - 40, top: 14, bottom: height - 52}
	f.x.from, f.x.to = f.left, f.right
	f.y.from, f.y.to = f.bottom, f.top
	for _, t := range f.y.ticks {
		y := f.y.at(t.value)
		if t.label == "" {
			f.line("grid minor", f.left, y, f.right, y)
			continue
		}
		f.line("grid", f.left, y, f.right, y)
		f.text("tick", "end", f.left-8, y+4.5, t.label)
	}
	for _, t := range f.x.ticks {
		x := f.x.at(t.value)
		if t.label == "" {
			f.line("grid minor", x, f.top, x, f.bottom)
			continue
		}
		f.line("grid", x, f.top, x, f.bottom)
		f.text("tick", "middle", x, f.bottom+19, t.label)
	}
	f.line("axis", f.left, f.bottom, f.right, f.bottom)
	f.line("axis", f.left, f.top, f.left, f.bottom)
	f.text("label", "middle", (f.left+f.right)/2, height-8, x.title)
	f.vertical("label", 18, (f.top+f.bottom)/2, y.title)
	return f
}

// at returns where a pair of values lies.
func (f *frame) at(x, y float64) point { return point{f.x.at(x), f.y.at(y)} }

// box is the space that a label takes.
type box struct{ x0, y0, x1, y1 float64 }

func (b box) meets(o box) bool { return b.x0 < o.x1 && o.x0 < b.x1 && b.y0 < o.y1 && o.y0 < b.y1 }

// labels writes labels beside points where there is room for them: below, to the right, left or above, or not at all.
type labels struct {
	f     *frame
	taken []box
}

// keep reserves the surroundings of a point.
func (l *labels) keep(p point, r float64) {
	l.taken = append(l.taken, box{p.x - r, p.y - r, p.x + r, p.y + r})
}

// keepLine reserves a line through points.
func (l *labels) keepLine(points []point) {
	for i := 1; i < len(points); i++ {
		a, b := points[i-1], points[i]
		n := int(math.Hypot(b.x-a.x, b.y-a.y)/6) + 1
		for k := range n {
			t := float64(k) / float64(n)
			l.keep(point{a.x + t*(b.x-a.x), a.y + t*(b.y-a.y)}, 1.5)
		}
	}
}

func (l *labels) place(class string, p point, text string) {
	w, h := 7.6*float64(len([]rune(text))), 15.0
	for _, c := range []struct {
		anchor string
		dx, dy float64
	}{{"middle", 0, 22}, {"start", 12, 5}, {"end", -12, 5}, {"middle", 0, -12}} {
		x := p.x + c.dx
		x0 := x
		switch c.anchor {
		case "end":
			x0 -= w
		case "middle":
			x0 -= w / 2
		}
		b := box{x0 - 2, p.y + c.dy - h + 2, x0 + w + 2, p.y + c.dy + 4}
		if b.x0 < l.f.left || b.x1 > l.f.right || b.y0 < l.f.top || b.y1 > l.f.bottom {
			continue
		}
		free := true
		for _, t := range l.taken {
			free = free && !t.meets(b)
		}
		if free {
			l.f.text(class, c.anchor, x, p.y+c.dy, text)
			l.taken = append(l.taken, b)
			return
		}
	}
}
