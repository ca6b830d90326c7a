module github.com/ringtgt/ringtgt

go 1.26
