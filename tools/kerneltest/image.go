package kerneltest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// contents is what the guest holds beside the scripts of this package. The names are Debian's.
type contents struct {
	packages []string
	programs []string // by file name; their libraries follow
	preload  []string // libraries that programs open at run time
	modules  []string // what they depend on follows
	files    []string // copied as they are
}

// guestContents is the guest of the kernel tests.
var guestContents = contents{
	packages: []string{
		"linux-image-amd64", "open-iscsi", "busybox-static", "fio", "e2fsprogs", "sg3-utils", "util-linux", "ethtool",
	},
	programs: []string{
		"busybox", "iscsid", "iscsiadm", "iscsistart", "fio", "mke2fs", "e2fsck", "blkdiscard", "fstrim", "ethtool",
		"sg_inq", "sg_vpd", "sg_persist", "sg_unmap", "sg_write_same", "sg_readcap", "sg_luns", "sg_modes", "sg_opcodes",
		"sg_sync", "sg_turs", "sg_verify", "sg_compare_and_write", "sg_reset", "sg_dd", "sg_get_lba_status", "sg_raw",
		"sg_requests", "sg_logs", "sg_start",
	},
	preload: []string{"libgcc_s.so.1"}, // pthread_cancel opens it
	modules: []string{
		"virtio_pci", "virtio_net", "virtio_rng", "sd_mod", "sg", "iscsi_tcp", "ext4",
		"crc32c_generic", "crc32c_intel", // data and header digests, ext4's checksums
		"virtio_blk", "nvme", "dm_mod", "dm_log_writes", // the power loss test
	},
	files: []string{"etc/mke2fs.conf"},
}

// guestScripts run in the guest: init, the agent that takes commands, the functions and the cases.
//
//go:embed guest
var guestScripts embed.FS

// image is what qemu boots.
type image struct {
	kernel string // path of vmlinuz
	base   string // path of the initramfs without the scripts
}

// prepareImage makes kernel and initramfs in the folder cache, or finds them there from an earlier run.
func prepareImage(ctx context.Context, cache string, c contents, log func(string, ...any)) (image, error) {
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return image{}, err
	}
	unlock, err := lockDir(cache)
	if err != nil {
		return image{}, err
	}
	defer unlock()
	made := image{filepath.Join(cache, "vmlinuz"), filepath.Join(cache, "base.cpio")}
	keyPath, key := filepath.Join(cache, "contents"), c.key()
	if old, err := os.ReadFile(keyPath); err == nil && string(old) == key {
		return made, nil
	}
	os.Remove(keyPath) // it comes back last, when the rest is whole
	debs, root := filepath.Join(cache, "debs"), filepath.Join(cache, "root")
	if err := unpackPackages(ctx, c.packages, debs, root, log); err != nil {
		return image{}, err
	}
	log("building the initramfs")
	if err := buildBase(tree(root), c, made); err != nil {
		return image{}, err
	}
	for _, dir := range []string{root, debs} { // 700 MB that are not needed again
		if err := os.RemoveAll(dir); err != nil {
			return image{}, err
		}
	}
	return made, os.WriteFile(keyPath, []byte(key), 0o644)
}

// key changes whenever an image made from other contents would not do.
func (c contents) key() string {
	const format = 1 // raise it when buildBase lays things out anew
	sum := sha256.Sum256(fmt.Append(nil, format, c))
	return hex.EncodeToString(sum[:])
}

// lockDir keeps two runs from building in one folder.
func lockDir(dir string) (unlock func(), err error) {
	file, err := os.Create(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		file.Close()
		return nil, fmt.Errorf("locking %s: %w", dir, err)
	}
	return func() { file.Close() }, nil
}

// buildBase writes kernel and base archive from unpacked packages.
func buildBase(root tree, c contents, made image) error {
	versions, err := filepath.Glob(filepath.Join(string(root), "boot", "vmlinuz-*"))
	if err != nil || len(versions) != 1 {
		return fmt.Errorf("want one kernel among the packages, found %q (%v)", versions, err)
	}
	version := strings.TrimPrefix(filepath.Base(versions[0]), "vmlinuz-")
	if err := copyFile(made.kernel, versions[0]); err != nil {
		return err
	}
	out, err := os.Create(made.base)
	if err != nil {
		return err
	}
	defer out.Close()
	cpio := newCPIOWriter(out)
	for _, dir := range []string{
		"bin", "dev", "etc", "etc/iscsi", "kt", "kt/modules", "lib", "lib/x86_64-linux-gnu", "mnt", "proc", "root", "run", "sys",
		"tmp", "usr", "usr/bin", "var",
	} {
		cpio.Dir(dir, 0o755)
	}
	cpio.Symlink("lib64", "lib/x86_64-linux-gnu") // the interpreter's folder
	cpio.Symlink("var/run", "../run")
	if err := addPrograms(cpio, root, c); err != nil {
		return err
	}
	if err := addModules(cpio, root, version, c.modules); err != nil {
		return err
	}
	for _, name := range c.files {
		from, err := root.resolve(name)
		if err != nil {
			return err
		}
		if err := addFile(cpio, name, 0o644, from); err != nil {
			return err
		}
	}
	if err := cpio.Close(); err != nil {
		return err
	}
	return out.Close()
}

// addPrograms puts programs into usr/bin and every library into one folder, whatever folders they came from.
func addPrograms(cpio *cpioWriter, root tree, c contents) error {
	var paths []string
	for _, name := range c.programs {
		from, err := root.find(name, programDirs)
		if err != nil {
			return err
		}
		paths = append(paths, from)
		if err := addFile(cpio, "usr/bin/"+name, 0o755, from); err != nil {
			return err
		}
	}
	for _, soname := range c.preload {
		from, err := root.find(soname, libraryDirs)
		if err != nil {
			return err
		}
		paths = append(paths, from)
	}
	libraries, err := root.libraries(paths)
	if err != nil {
		return err
	}
	for i, soname := range c.preload {
		libraries[soname] = paths[len(c.programs)+i]
	}
	for _, soname := range slices.Sorted(maps.Keys(libraries)) {
		if err := addFile(cpio, "lib/x86_64-linux-gnu/"+soname, 0o755, libraries[soname]); err != nil {
			return err
		}
	}
	return nil
}

// addModules puts the modules into kt/modules and their order of insertion into kt/modules.load.
func addModules(cpio *cpioWriter, root tree, version string, wanted []string) error {
	dir, err := root.find(version, []string{"lib/modules", "usr/lib/modules"})
	if err != nil {
		return err
	}
	set, err := readModuleSet(dir)
	if err != nil {
		return err
	}
	paths, err := set.order(wanted)
	if err != nil {
		return err
	}
	var load bytes.Buffer
	for _, from := range paths {
		name := "kt/modules/" + filepath.Base(from)
		fmt.Fprintf(&load, "/%s\n", name)
		if err := addFile(cpio, name, 0o644, from); err != nil {
			return err
		}
	}
	cpio.File("kt/modules.load", 0o644, load.Bytes())
	return nil
}

func addFile(cpio *cpioWriter, name string, perm uint32, from string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	cpio.File(name, perm, data)
	return nil
}

// writeInitramfs concatenates the base archive with one of scripts, environment and programs (by their names in /kt). The
// kernel unpacks both, so a changed script needs no new base.
func writeInitramfs(to string, base string, env, programs map[string]string) error {
	if err := copyFile(to, base); err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	defer out.Close()
	cpio := newCPIOWriter(out)
	err = fs.WalkDir(guestScripts, "guest", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to := path.Join("kt", strings.TrimPrefix(name, "guest"))
		if d.IsDir() {
			cpio.Dir(to, 0o755)
			return nil
		}
		data, err := guestScripts.ReadFile(name)
		cpio.File(to, 0o755, data)
		return err
	})
	if err != nil {
		return err
	}
	cpio.Symlink("init", "kt/init.sh")
	cpio.File("kt/env.sh", 0o644, []byte(shellEnv(env)))
	for _, name := range slices.Sorted(maps.Keys(programs)) {
		if err := addFile(cpio, "kt/"+name, 0o755, programs[name]); err != nil {
			return err
		}
	}
	if err := cpio.Close(); err != nil {
		return err
	}
	return out.Close()
}

// shellEnv writes assignments that a shell reads back exactly.
func shellEnv(env map[string]string) string {
	var out strings.Builder
	for _, key := range slices.Sorted(maps.Keys(env)) {
		fmt.Fprintf(&out, "%s='%s'\n", key, strings.ReplaceAll(env[key], "'", `'\''`))
	}
	return out.String()
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}
