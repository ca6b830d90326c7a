// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)

// Sends the packets of a known connection to the CPU of the loop that it lives on: receive processing (IP, TCP, the
// wakeup) then runs there. Everything else passes. Generic XDP.

#include <stddef.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char __license[] SEC("license") = "Dual BSD/GPL";

#define MAX_TAGS 2         // 802.1Q within 802.1ad
#define IP_FRAGMENT 0x3fff // more fragments follow, or this is not the first (RFC 791 3.1)

// A connection as its packets name it: addresses as IPv6 ones, IPv4 as ::ffff:a.b.c.d; ports in network order.
struct flow {
	__u8 remote[16];
	__u8 local[16];
	__u8 remote_port[2];
	__u8 local_port[2];
};

// The CPU of each connection; the loops keep it. The loader sets the size.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct flow);
	__type(value, __u32);
} flows SEC(".maps");

// By CPU: the queue that a kernel thread on it serves. The loader sets the size.
struct {
	__uint(type, BPF_MAP_TYPE_CPUMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bpf_cpumap_val);
} cpus SEC(".maps");

struct tag {
	__be16 tci;
	__be16 proto;
};

// Steps over the Ethernet header and its tags. Returns where the network header starts, or NULL.
static void *network(void *at, void *end, __be16 *proto)
{
	struct ethhdr *eth = at;

	if ((void *)(eth + 1) > end)
		return NULL;
	*proto = eth->h_proto;
	at = eth + 1;
#pragma unroll
	for (int i = 0; i < MAX_TAGS; i++) {
		struct tag *tag = at;

		if (*proto != bpf_htons(ETH_P_8021Q) && *proto != bpf_htons(ETH_P_8021AD))
			break;
		if ((void *)(tag + 1) > end)
			return NULL;
		*proto = tag->proto;
		at = tag + 1;
	}
	return at;
}

// Each fills in the addresses and returns where the TCP header starts, or NULL when there is none to be seen.
static void *ipv4(struct iphdr *ip, void *end, struct flow *f)
{
	if ((void *)(ip + 1) > end || ip->ihl < 5)
		return NULL;
	// Fragments are put together by IP, on whatever CPU: only the first has ports.
	if (ip->protocol != IPPROTO_TCP || ip->frag_off & bpf_htons(IP_FRAGMENT))
		return NULL;
	f->remote[10] = f->remote[11] = 0xff;
	f->local[10] = f->local[11] = 0xff;
	__builtin_memcpy(f->remote + 12, &ip->saddr, 4);
	__builtin_memcpy(f->local + 12, &ip->daddr, 4);
	return (void *)ip + ip->ihl * 4;
}

// A packet with extension headers passes: iSCSI's have none.
static void *ipv6(struct ipv6hdr *ip, void *end, struct flow *f)
{
	if ((void *)(ip + 1) > end || ip->nexthdr != IPPROTO_TCP)
		return NULL;
	__builtin_memcpy(f->remote, &ip->saddr, 16);
	__builtin_memcpy(f->local, &ip->daddr, 16);
	return ip + 1;
}

SEC("xdp")
int steer_flow(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct flow f = {};
	struct tcphdr *tcp = NULL;
	__be16 proto;
	__u32 *cpu;
	void *ip;

	ip = network(data, end, &proto);
	if (!ip)
		return XDP_PASS;
	if (proto == bpf_htons(ETH_P_IP))
		tcp = ipv4(ip, end, &f);
	else if (proto == bpf_htons(ETH_P_IPV6))
		tcp = ipv6(ip, end, &f);
	if (!tcp || (void *)(tcp + 1) > end)
		return XDP_PASS;
	__builtin_memcpy(f.remote_port, &tcp->source, 2);
	__builtin_memcpy(f.local_port, &tcp->dest, 2);

	cpu = bpf_map_lookup_elem(&flows, &f);
	if (!cpu)
		return XDP_PASS;
	return bpf_redirect_map(&cpus, *cpu, XDP_PASS);
}
