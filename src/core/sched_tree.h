/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FULLET_CORE_SCHED_TREE_H
#define FULLET_CORE_SCHED_TREE_H

#include "base/defs.h"

/*
 * An ordered set whose nodes lie inside the things they order: a treap, so that no single step
 * costs more than some O(log n) whatever came before (an array that grows, a hash that is rebuilt
 * or a pairing heap that is paid back would each have a bad moment). Its shape hangs on a counter,
 * never on addresses or chance, and nothing that is asked of it depends on its shape.
 */
struct tree_node {
	struct tree_node *left, *right, *parent;
	uint32_t heap;
	bool in;
};

struct tree {
	struct tree_node *root, *first;
	uint32_t count, seed;
};

/* < 0: a comes first. Never 0 for two different nodes. One tree is always used with the same one.
 */
typedef int tree_compare(const struct tree_node *a, const struct tree_node *b);

#define tree_entry(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

/* The node must be in no tree. */
void tree_insert(struct tree *tree, struct tree_node *node, tree_compare *compare);
/* A node that is in no tree is left alone. Otherwise it must be in this one. */
void tree_remove(struct tree *tree, struct tree_node *node);
/* NULL when there is none. */
struct tree_node *tree_first(const struct tree *tree);
struct tree_node *tree_next(const struct tree_node *node);

#endif
