package compare

import (
	"fmt"

	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/internal/stat"
)

// verdict says in plain words why the figures cannot be trusted; nothing if nothing was seen.
func (c *comparer) verdict(out *result.Comparison) []string {
	var noise []string
	if load, cpus := out.Client.Load[0], out.Client.CPUs; cpus > 0 && load > float64(cpus) {
		noise = append(noise, fmt.Sprintf("before the first round already more wanted to run than there are CPUs: load average %.1f, %d CPUs", load, cpus))
	}
	for i := range out.Sides {
		noise = append(noise, variation(&out.Sides[i])...)
		noise = append(noise, disturbed(out.Sides[i].Name, c.watch[i])...)
		noise = append(noise, unequal(&out.Sides[i], out.Rate)...)
	}
	return noise
}

// variation is that of a side's rounds: of IOPS per CPU-second where that is known, else of IOPS.
func variation(s *result.Side) []string {
	for _, name := range []string{result.FigureIOPSPerCPU, result.FigureIOPS} {
		var values []float64
		for i := range s.Runs {
			if v, ok := s.Runs[i].Figure(name); ok {
				values = append(values, v)
			}
		}
		if len(values) < minRounds {
			continue
		}
		if cv := stat.Variation(values); cv > maxVariation {
			sp := stat.Of(values)
			return []string{fmt.Sprintf("%s: the rounds differ too much: %s from %s to %s, standard deviation %.0f%% of the mean (at most %.0f%%)",
				s.Name, name, result.FormatSI(sp.Low, ""), result.FormatSI(sp.High, ""), 100*cv, 100*maxVariation)}
		}
		return nil
	}
	return nil
}

// unequal says where a side did not keep the rate at which latencies are compared.
func unequal(s *result.Side, rate float64) []string {
	missed, low := 0, rate
	for i := range s.AtRate {
		if got := s.AtRate[i].Total.IOPS; got < keptRate*rate {
			missed++
			low = min(low, got)
		}
	}
	if missed == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s: the load was not equal: in %d of %d rounds it answered fewer than %s per second, at the least %s; its latencies grow with the length of the round",
		s.Name, missed, len(s.AtRate), result.FormatSI(rate, ""), result.FormatSI(low, ""))}
}

// disturbed says what others did to a side.
func disturbed(name string, s seen) (noise []string) {
	if s.Seconds < minWatched {
		return nil
	}
	if s.Wanted > 0 && s.Steal/s.Wanted > maxSteal {
		noise = append(noise, fmt.Sprintf("%s: the hypervisor gave %.1f%% of the CPU's time to others (steal, at most %.0f%%)", name, 100*s.Steal/s.Wanted, 100*maxSteal))
	}
	if s.Watched > 0 {
		whose := "the machine's CPUs"
		if s.Alone {
			whose = "the target's CPU"
		}
		if share := s.Others / s.Watched; share > maxOthers {
			noise = append(noise, fmt.Sprintf("%s: %.0f%% of %s went to neither target nor client (at most %.0f%%)", name, 100*share, whose, 100*maxOthers))
		}
	}
	return noise
}
