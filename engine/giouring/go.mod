module github.com/pawelgaczynski/giouring

go 1.26
