#!/bin/sh
# Compiles the programs, for both byte orders, and writes their loaders: `go generate ./internal/steer`. It needs clang,
# llvm-strip, libbpf-dev and linux-libc-dev; a build of ringtgt needs none of them, as the output is committed.
set -eu
cd "$(dirname "$0")/.."
for program in selection flows; do
	# -mcpu=v3: an atomic addition returns the old value (Linux 5.12). Debian keeps asm/ in the multiarch folder.
	go run github.com/cilium/ebpf/cmd/bpf2go \
		-cc "${CLANG:-clang}" -strip "${LLVM_STRIP:-llvm-strip}" -target bpfel,bpfeb \
		"$program" "bpf/$program.c" -- -O2 -Wall -Werror -mcpu=v3 -I"/usr/include/$(uname -m)-linux-gnu"
done
# What the objects were made of: a test compares it with the sources.
(cd bpf && sha256sum ./*.c) >bpf/sources.sha256
