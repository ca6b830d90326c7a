package compare

// Every threshold of the verdict, with its reason. They are for figures that are taken as medians of a few rounds: what one
// round alone suffers the median leaves out.
const (
	// maxSides and maxRounds are more than a user would wait for.
	maxSides, maxRounds = 8, 1000
	// defaultRounds is an odd number, so that the median is a round, and enough that one bad round at either end does not move it.
	defaultRounds = 5
	// defaultMemory is the LUN of a target that is started: beyond every cache of the processor, and filled in a moment.
	defaultMemory = 256 << 20

	// maxVariation is the coefficient of variation of a side's rounds (standard deviation over mean) from which on its median means
	// little: 10% is what a shared virtual machine shows when it is left alone, so with 5 rounds the median is good to about 5%.
	maxVariation = 0.10
	// minRounds is how many rounds a variation is made of: of two, anything can be said.
	minRounds = 3
	// maxSteal is the share of time that the hypervisor gave to others while a CPU wanted to run (proc_stat(5)): half of it is
	// likely to have hit one side alone.
	maxSteal = 0.02
	// maxOthers is the share of the target's CPUs, or where these are not its own of all CPUs, that neither the target nor the client
	// took. The kernel's own threads need 1 or 2%, and the account is by ticks, a few percent off within a second. How often the target
	// was taken off its CPU says less: the threads of tgt do that to one another 16,000 times a second.
	maxOthers = 0.10
	// mayStarve is how many rounds there must be for each one without an answer: of hundreds of short ones on a busy machine a few are
	// left out, of a few long ones none.
	mayStarve = 20
	// keptRate is the share of an open loop's rate below which it was not kept: what is under way at the end is less.
	keptRate = 0.95
	// minWatched is the time, in seconds, from which on a share of ticks (1/100 s) is worth a word.
	minWatched = 0.5
)
