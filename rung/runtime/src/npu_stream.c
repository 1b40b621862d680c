#include "npu_stream.h"

#include <stdlib.h>
#include <string.h>

void npu_reserve(void *array, int64_t *room, int64_t needed, int64_t size) {
  if (needed <= *room) return;
  int64_t wanted = *room ? *room : 64;
  while (wanted < needed) wanted *= 2;
  void *old, *fresh;
  memcpy(&old, array, sizeof old);
  fresh = realloc(old, (size_t)(wanted * size));
  if (!fresh) npu_out_of_memory("a trace; trace a smaller problem", wanted * size);
  memcpy(array, &fresh, sizeof fresh);
  *room = wanted;
}

// ---- Tables of unique things

static uint64_t hash(const int64_t *words, int64_t count) {
  uint64_t h = 0x9e3779b97f4a7c15u;
  for (int64_t i = 0; i < count; i++) h = (h ^ (uint64_t)words[i]) * 0xff51afd7ed558ccdu, h ^= h >> 32;
  return h;
}

static void clear_index(npu_index *index) {
  for (int64_t i = 0; i < index->capacity; i++) index->slots[i] = -1;
}

// The number of `words` among `count` entries of `width` words each, or `count` after noting it as the next one.
static int32_t find(npu_index *index, const int64_t *entries, int64_t count, int64_t width, const int64_t *words) {
  if (2 * (count + 1) > index->capacity) {
    free(index->slots);
    int64_t room = 0, wanted = index->capacity ? 2 * index->capacity : 256;
    *index = (npu_index){0};
    npu_reserve(&index->slots, &room, wanted, sizeof *index->slots);
    index->capacity = room;
    clear_index(index);
    for (int64_t i = 0; i < count; i++) {
      uint64_t at = hash(entries + i * width, width);
      while (index->slots[at & (uint64_t)(room - 1)] >= 0) at++;
      index->slots[at & (uint64_t)(room - 1)] = (int32_t)i;
    }
  }
  for (uint64_t at = hash(words, width);; at++) {
    int32_t *slot = &index->slots[at & (uint64_t)(index->capacity - 1)];
    if (*slot < 0) return *slot = (int32_t)count;
    if (!memcmp(entries + *slot * width, words, (size_t)width * sizeof *words)) return *slot;
  }
}

int32_t npu_row(npu_tables *t, const int64_t *row) {
  int32_t found = find(&t->row_index, t->rows, t->row_count, t->width, row);
  if (found == t->row_count) {
    npu_reserve(&t->rows, &t->row_room, ++t->row_count * t->width, sizeof *t->rows);
    memcpy(t->rows + found * t->width, row, (size_t)t->width * sizeof *row);
  }
  return found;
}

int32_t npu_symbol_of(npu_tables *t, npu_symbol symbol) {
  const int64_t width = sizeof symbol / sizeof(int64_t);
  int32_t found = find(&t->symbol_index, (const int64_t *)t->symbols, t->symbol_count, width, (const int64_t *)&symbol);
  if (found == t->symbol_count) {
    npu_reserve(&t->symbols, &t->symbol_room, ++t->symbol_count, sizeof symbol);
    t->symbols[found] = symbol;
  }
  return found;
}

void npu_tables_clear(npu_tables *t, int64_t width) {
  t->width = width;
  t->row_count = t->symbol_count = t->body_count = t->code_count = 0;
  clear_index(&t->row_index);
  clear_index(&t->symbol_index);
}

void npu_tables_free(npu_tables *t) {
  free(t->rows), free(t->symbols), free(t->bodies), free(t->codes);
  free(t->row_index.slots), free(t->symbol_index.slots);
  *t = (npu_tables){0};
}

// ---- Repeats

static void push(npu_tables *t, npu_stream *s, int level, int32_t code);

static int32_t repeat_of(npu_tables *t, const npu_level *l) {
  if (l->times == 1 && l->period == 1) return l->body[0];
  // Bodies are kept once: a repeat that differs only in its count finds the body of another. Only the newest are looked
  // through, so that a stream without any order costs no more than its length.
  int64_t at = t->body_count > 4096 ? t->body_count - 4096 : 0;
  while (at + l->period <= t->body_count && memcmp(t->bodies + at, l->body, (size_t)l->period * sizeof *l->body)) at++;
  if (at + l->period > t->body_count) {
    at = t->body_count;
    npu_reserve(&t->bodies, &t->body_room, t->body_count += l->period, sizeof *t->bodies);
    memcpy(t->bodies + at, l->body, (size_t)l->period * sizeof *l->body);
  }
  return npu_symbol_of(t, (npu_symbol){NPU_REPEAT, l->times, at, l->period});
}

static void hand_up(npu_tables *t, npu_stream *s, int level, int32_t code) {
  if (level + 1 < NPU_LEVELS) {
    push(t, s, level + 1, code);
    return;
  }
  npu_reserve(&t->codes, &t->code_room, ++t->code_count, sizeof *t->codes);
  t->codes[t->code_count - 1] = code;
}

static void hand_up_window(npu_tables *t, npu_stream *s, int level, int32_t keep) {
  npu_level *l = &s->levels[level];
  int32_t leaving = l->length - keep;
  for (int32_t i = 0; i < leaving; i++) hand_up(t, s, level, l->window[i]);
  memmove(l->window, l->window + leaving, (size_t)keep * sizeof *l->window);
  l->length = keep;
}

// Ends the repeat of a level; what has been seen of the next turn goes back to the window.
static void end_repeat(npu_tables *t, npu_stream *s, int level) {
  npu_level *l = &s->levels[level];
  l->repeating = false;
  hand_up(t, s, level, repeat_of(t, l));
  memcpy(l->window, l->body, (size_t)l->place * sizeof *l->body);
  l->length = l->place;
}

static void look_for_repeat(npu_level *l) {
  int32_t last = l->window[l->length - 1];
  for (int32_t p = 1; 2 * p <= l->length; p++) {
    const int32_t *body = l->window + l->length - p;
    if (l->window[l->length - 1 - p] != last || memcmp(body, body - p, (size_t)p * sizeof *body)) continue;
    memcpy(l->body, body, (size_t)p * sizeof *body);
    l->period = p, l->place = 0, l->times = 2, l->repeating = true;
    l->length -= 2 * p;
    return;
  }
}

static void push(npu_tables *t, npu_stream *s, int level, int32_t code) {
  npu_level *l = &s->levels[level];
  if (l->repeating) {
    if (code == l->body[l->place]) {
      if (++l->place == l->period) l->place = 0, l->times++;
      return;
    }
    end_repeat(t, s, level);
  }
  if (l->length == 2 * NPU_PERIOD) hand_up_window(t, s, level, 2 * NPU_PERIOD - 1);
  l->window[l->length++] = code;
  look_for_repeat(l);
  // What stands in front of the repeat can take no part in it.
  if (l->repeating) hand_up_window(t, s, level, 0);
}

void npu_push(npu_tables *tables, npu_stream *stream, int32_t code) { push(tables, stream, 0, code); }

void npu_close(npu_tables *t, npu_stream *s) {
  for (int level = 0; level < NPU_LEVELS; level++) {
    if (s->levels[level].repeating) end_repeat(t, s, level);
    hand_up_window(t, s, level, 0);
  }
}
