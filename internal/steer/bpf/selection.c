// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)

// Chooses the listener, and with it the loop, of a new connection: the connections of one initiator address take the
// loops in turn, and each new initiator starts one loop further than the one before it. It runs in the lookup of a
// SO_REUSEPORT group (reuseport_select_sock), and once more for what waits in the queue of a listener that closes.
// Whenever it chooses nothing the kernel does, by its hash.

#include <stddef.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char __license[] SEC("license") = "Dual BSD/GPL";

// RFC 9293 3.1: the octet of a TCP header with the control bits, and two of them.
#define TCP_FLAGS 13
#define TCP_SYN 0x02
#define TCP_ACK 0x10

// Number of loops; set before the program is loaded.
const volatile __u32 loops = 1;

// An IPv6 address, or an IPv4 one as ::ffff:a.b.c.d.
struct address {
	__u8 bytes[16];
};

// The listening sockets of one portal, by loop. The kernel takes out one that closes. The loader sets the size.
struct {
	__uint(type, BPF_MAP_TYPE_REUSEPORT_SOCKARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} listeners SEC(".maps");

// By initiator: its next turn. Shared by all portals, so that a session over two portals spreads as well. The loader
// sets the size.
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, struct address);
	__type(value, __u64);
} turns SEC(".maps");

// The first turn of the next initiator that is new. Shared by all portals.
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} newcomers SEC(".maps");

// Whether the segment asks for a connection. Others get here too (the last ACK of a handshake by SYN cookie, strays of
// a connection that is gone) and must not take a turn. The context's data starts at the TCP header.
static int opens(struct sk_reuseport_md *ctx)
{
	__u8 flags;

	if (bpf_skb_load_bytes(ctx, TCP_FLAGS, &flags, sizeof(flags)))
		return 0;
	return (flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

static int initiator(struct sk_reuseport_md *ctx, struct address *from)
{
	if (ctx->eth_protocol == bpf_htons(ETH_P_IPV6))
		return !bpf_skb_load_bytes_relative(ctx, offsetof(struct ipv6hdr, saddr), from->bytes, 16, BPF_HDR_START_NET);
	if (ctx->eth_protocol != bpf_htons(ETH_P_IP))
		return 0;
	from->bytes[10] = from->bytes[11] = 0xff;
	return !bpf_skb_load_bytes_relative(ctx, offsetof(struct iphdr, saddr), from->bytes + 12, 4, BPF_HDR_START_NET);
}

static __u64 *turn_of(struct address *from)
{
	__u64 *turn = bpf_map_lookup_elem(&turns, from);
	__u32 zero = 0;
	__u64 *next, first;

	if (turn)
		return turn;
	next = bpf_map_lookup_elem(&newcomers, &zero);
	if (!next)
		return NULL;
	first = __sync_fetch_and_add(next, 1);
	// Another CPU may have been first: then its entry stays, and both count on it.
	bpf_map_update_elem(&turns, from, &first, BPF_NOEXIST);
	return bpf_map_lookup_elem(&turns, from);
}

// "migrate": the kernel then also asks when a listener closes, instead of resetting what waits in its queue.
SEC("sk_reuseport/migrate")
int select_loop(struct sk_reuseport_md *ctx)
{
	struct address from = {};
	__u64 *turn;
	__u32 loop;

	if (ctx->migrating_sk)
		return SK_PASS;
	if (!opens(ctx) || !initiator(ctx, &from))
		return SK_PASS;
	turn = turn_of(&from);
	if (!turn)
		return SK_PASS;
	loop = __sync_fetch_and_add(turn, 1) % loops;
	bpf_sk_select_reuseport(ctx, &listeners, &loop, 0); // fails for a listener that is closed
	return SK_PASS;
}
