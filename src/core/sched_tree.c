/* SPDX-License-Identifier: Apache-2.0 */
#include "core/sched_tree.h"

/* A bijection that scatters the counter (the finaliser of MurmurHash3). */
static uint32_t scatter(uint32_t x)
{
	x ^= x >> 16;
	x *= 0x85ebca6bu;
	x ^= x >> 13;
	x *= 0xc2b2ae35u;
	return x ^ x >> 16;
}

static void set_child(struct tree *tree, struct tree_node *parent, const struct tree_node *old,
	struct tree_node *node)
{
	if (!parent)
		tree->root = node;
	else if (parent->left == old)
		parent->left = node;
	else
		parent->right = node;
	if (node)
		node->parent = parent;
}

/* Lifts the node above its parent. */
static void lift(struct tree *tree, struct tree_node *node)
{
	struct tree_node *parent = node->parent, *inner;

	if (parent->left == node) {
		inner = node->right;
		node->right = parent;
		parent->left = inner;
	} else {
		inner = node->left;
		node->left = parent;
		parent->right = inner;
	}
	if (inner)
		inner->parent = parent;
	set_child(tree, parent->parent, parent, node);
	parent->parent = node;
}

void tree_insert(struct tree *tree, struct tree_node *node, tree_compare *compare)
{
	struct tree_node *parent = NULL, *at = tree->root;
	bool left = false;

	must(!node->in);
	while (at) {
		parent = at;
		left = compare(node, at) < 0;
		at = left ? at->left : at->right;
	}
	*node = (struct tree_node){.parent = parent, .heap = scatter(tree->seed++), .in = true};
	if (!parent)
		tree->root = node;
	else if (left)
		parent->left = node;
	else
		parent->right = node;
	if (!tree->first || (left && parent == tree->first))
		tree->first = node;
	while (node->parent && node->parent->heap < node->heap)
		lift(tree, node);
	tree->count++;
}

void tree_remove(struct tree *tree, struct tree_node *node)
{
	if (!node->in)
		return;
	if (node == tree->first)
		tree->first = tree_next(node);
	while (node->left || node->right) {
		struct tree_node *l = node->left, *r = node->right;

		lift(tree, !r || (l && l->heap > r->heap) ? l : r);
	}
	set_child(tree, node->parent, node, NULL);
	*node = (struct tree_node){0};
	tree->count--;
}

struct tree_node *tree_first(const struct tree *tree)
{
	return tree->first;
}

struct tree_node *tree_next(const struct tree_node *node)
{
	struct tree_node *at = node->right;

	if (at) {
		while (at->left)
			at = at->left;
		return at;
	}
	while (node->parent && node->parent->right == node)
		node = node->parent;
	return node->parent;
}
