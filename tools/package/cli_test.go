package packaging

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/harness"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/internal/need"
)

// The unit's sandbox has a score below 2.5 (systemd-analyze counts in tenths).
func TestSandbox(t *testing.T) {
	need.Program(t, "systemd-analyze", "systemd")
	out, err := try(t, "systemd-analyze", "security", "--offline=true", "--threshold=25", "--no-pager", "tools/package/ringtgt.service")
	must.Be(t, err == nil, "%v\n%s", err, out)
	check.That(t, !strings.Contains(out, "Unknown"), "%s", out) // a misspelt setting is a warning
}

// completions are lines to complete, and words that must be and must not be among the proposals.
var completions = []struct{ line, want, not string }{
	{"ringtgt ", "serve check status bench completion", "man --config"},
	{"ringtgt se", "serve", "status bench"},
	{"ringtgt serve --st", "--state --steering", "--config --size"},
	{"ringtgt bench --out", "--output", "--config"},
	{"ringtgt bench --output ", "table json benchstat", "serve"},
	{"ringtgt bench --progress l", "lines", "auto none"},
	{"ringtgt completion ", "bash zsh fish", "serve"},
	{"ringtgt check --config ri", "ringtgt.conf ringtgt.toml", "serve other.toml"},
}

// proposals checks what a shell proposes for each line.
func proposals(t *testing.T, propose func(line string) string) {
	for _, c := range completions {
		got := propose(c.line)
		words := strings.Fields(got)
		has := map[string]bool{}
		for _, w := range words {
			has[strings.TrimSuffix(w, "=")] = true
		}
		for w := range strings.FieldsSeq(c.want) {
			check.That(t, has[w], "%q: no %s in %q", c.line, w, got)
		}
		for w := range strings.FieldsSeq(c.not) {
			check.That(t, !has[w], "%q: %s in %q", c.line, w, got)
		}
	}
}

// completion writes a shell's script into a directory with files to be completed.
func completion(t *testing.T, shell, name string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	out := must.Get(exec.Command(harness.BuildT(t), "completion", shell).Output())(t)
	for n, text := range map[string][]byte{name: out, "ringtgt.toml": nil, "ringtgt.conf": nil, "other.toml": nil} {
		must.OK(t, os.WriteFile(filepath.Join(dir, n), text, 0o644))
	}
	return dir
}

func shell(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+dir, "TERM=dumb")
	out, err := cmd.CombinedOutput()
	must.Be(t, err == nil, "%v\n%s", err, out)
	return string(out)
}

func TestCompletionBash(t *testing.T) {
	need.Program(t, "bash", "bash")
	dir := completion(t, "bash", "script.bash")
	proposals(t, func(line string) string {
		words := "(" + line + ")"
		if strings.HasSuffix(line, " ") {
			words = "(" + line + `"")`
		}
		return shell(t, dir, "bash", "--norc", "-uc", `. ./script.bash; COMP_WORDS=`+words+`; COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _ringtgt; echo "${COMPREPLY[*]}"`)
	})
	// bash passes --flag=value as three words.
	got := shell(t, dir, "bash", "--norc", "-uc", `. ./script.bash; COMP_WORDS=(ringtgt bench --output = j); COMP_CWORD=4; _ringtgt; echo "${COMPREPLY[*]}"`)
	check.Equal(t, got, "json\n", "--output=j:")
}

func TestCompletionFish(t *testing.T) {
	need.Program(t, "fish", "fish")
	dir := completion(t, "fish", "script.fish")
	proposals(t, func(line string) string {
		var names []string
		for l := range strings.Lines(shell(t, dir, "fish", "--no-config", "-c", "source script.fish; complete -C '"+line+"'")) {
			name, _, _ := strings.Cut(l, "\t")
			names = append(names, strings.TrimSpace(name))
		}
		return strings.Join(names, " ")
	})
}

// zsh completes in a pseudo terminal only.
func TestCompletionZsh(t *testing.T) {
	need.Program(t, "zsh", "zsh")
	dir := completion(t, "zsh", "_ringtgt")
	const script = `
zmodload zsh/zpty
zpty z zsh -f -i
w() { zpty -w z "$1" }
w "PS1=; setopt no_list_beep; fpath=($PWD \$fpath); autoload -Uz compinit; compinit -u -D"
w "zstyle ':completion:*' list-prompt ''; zstyle ':completion:*' menu no; LISTMAX=10000; COLUMNS=200"
w "compadd() { if [[ \${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then builtin compadd \"\$@\"; return \$?; fi; typeset -a __h; builtin compadd -A __h \"\$@\"; print -r -- \"PROPOSED \$__h\"; builtin compadd \"\$@\" }"
w "print rea''dy"
zpty -r -m z o '*ready*'
zpty -n -w z "$1"$'\t'
zpty -n -w z $'\C-u'
w "print fin''ished"
zpty -r -m z out '*finished*'
print -r -- $out
`
	must.OK(t, os.WriteFile(filepath.Join(dir, "probe.zsh"), []byte(script), 0o644))
	proposed := regexp.MustCompile(`PROPOSED ([^\r\n]*)`)
	proposals(t, func(line string) string {
		var all []string
		for _, m := range proposed.FindAllStringSubmatch(shell(t, dir, "zsh", "-f", "probe.zsh", line), -1) {
			all = append(all, m[1])
		}
		return strings.Join(all, " ")
	})
}

// Every command has a page that a formatter takes without complaint, with all its flags.
func TestManualPages(t *testing.T) {
	need.Program(t, "mandoc", "mandoc")
	dir := t.TempDir()
	binary := harness.BuildT(t)
	run(t, binary, "man", dir)
	pages := must.Get(filepath.Glob(filepath.Join(dir, "*.8")))(t)
	check.That(t, len(pages) >= 9, "%d pages", len(pages))
	out, err := try(t, append([]string{"mandoc", "-T", "lint", "-W", "error"}, pages...)...)
	check.That(t, err == nil && out == "", "mandoc: %v\n%s", err, out)
	text := run(t, "mandoc", "-T", "ascii", filepath.Join(dir, "ringtgt-bench.8"))
	text = regexp.MustCompile(".\b").ReplaceAllString(text, "")
	contains(t, "ringtgt-bench.8", text, "ringtgt-bench - benchmark an iSCSI target", "--iodepth=N", "--overwrite", "Sessions", "SEE ALSO", "ringtgt.toml(5)")
	text = regexp.MustCompile(".\b").ReplaceAllString(run(t, "mandoc", "-T", "ascii", filepath.Join(dir, "ringtgt.8")), "")
	contains(t, "ringtgt.8", text, "COMMANDS", "serve", "bench", "ringtgt-serve(8)")
	check.That(t, !strings.Contains(text, "ringtgt-man"), "the command that writes the pages is in them")
}
