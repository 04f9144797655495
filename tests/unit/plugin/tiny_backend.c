/* A backend in C: remembers a few events and hands each out once. It shows that a plugin needs no C++. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <eventbus/plugin_abi.h>

enum { kCapacity = 4 };

struct eb_backend {
  const eb_host* host; /* lives longer than the instance, so its address is enough */
  char type[kCapacity][64];
  char payload[kCapacity][64];
  size_t size, handed_out, acknowledged;
};

static int32_t fail(eb_error* error, int32_t code, const char* message) {
  size_t size = strlen(message);
  error->code = code;
  error->retryable = code == 9;
  error->native_code = 42;
  error->message_size = size;
  memcpy(error->message, message, size < error->message_capacity ? size : error->message_capacity);
  return code;
}
static eb_text text(const char* from) {
  eb_text result = {from, strlen(from)};
  return result;
}

static int32_t create(const eb_settings* settings, const eb_host* host, eb_backend** out, eb_error* error) {
  (void)settings;
#ifdef WITH_ADDED /* built from a newer header than the host's */
  if (settings->struct_size >= offsetof(eb_settings, added) + sizeof settings->added) {
    return fail(error, 11, "tiny: this host knows what was added");
  }
#endif
  *out = calloc(1, sizeof **out);
  if (!*out) return fail(error, 11, "tiny: no memory");
  (*out)->host = host;
  return EB_OK;
}
static void destroy(eb_backend* self) { free(self); }
static int32_t open_it(eb_backend* self, int32_t role, const eb_start* start, eb_error* error) {
  char line[64];
  (void)start, (void)error;
  snprintf(line, sizeof line, "tiny: opened for role %d", (int)role);
  self->host->log(self->host->context, 2, text(line));
  return EB_OK;
}
static void close_it(eb_backend* self) { (void)self; }
static void wake(eb_backend* self) { (void)self; }

static int32_t append(eb_backend* self, const eb_event* const* events, size_t count, eb_append_result* const* results,
                      eb_error* error) {
  (void)error;
  for (size_t i = 0; i < count; ++i) {
    if (self->size == kCapacity) {
      results[i]->status = 2;
      fail(results[i]->error, 9, "tiny: cannot append: full");
      continue;
    }
    snprintf(self->type[self->size], 64, "%.*s", (int)events[i]->type.size, events[i]->type.data);
    snprintf(self->payload[self->size], 64, "%.*s", (int)events[i]->payload.size, events[i]->payload.data);
    results[i]->status = 1;
    results[i]->position.high = ++self->size;
  }
  return EB_OK;
}

static int32_t settle(eb_backend* self, const eb_settlement* const* settlements, size_t count, eb_settled_sink sink,
                      void* context, eb_error* error) {
  eb_settle_result done = {.struct_size = sizeof done, .status = 1};
  const eb_settle_result* results[kCapacity];
  (void)settlements;
  if (count > kCapacity) return fail(error, 1, "tiny: too many settlements");
  for (size_t i = 0; i < count; ++i) results[i] = &done;
  self->acknowledged += count;
  return sink(context, results, count) == 0 ? EB_OK : 11;
}

static int32_t receive(eb_backend* self, size_t max, int64_t wait_ms, const eb_settlement* const* settlements,
                       size_t count, eb_settled_sink settled, eb_deliveries_sink sink, void* context, eb_error* error) {
  (void)wait_ms;
  if (count > 0) {
    int32_t status = settle(self, settlements, count, settled, context, error);
    if (status != EB_OK) return status;
  }
  for (; max > 0 && self->handed_out < self->size; --max) {
    size_t i = self->handed_out++;
    eb_event event = {.struct_size = sizeof event, .type = text(self->type[i]), .payload = text(self->payload[i])};
    eb_delivery delivery = {.struct_size = sizeof delivery, .event = &event};
    const eb_delivery* batch = &delivery;
    delivery.token.position.high = i + 1;
    delivery.token.attempt = 1;
    if (sink(context, &batch, 1) != 0) return 11;
  }
  return EB_OK;
}

static int32_t redeliver(eb_backend* self, const eb_token* tokens, size_t count, int32_t counted, int32_t* status,
                         eb_deliveries_sink sink, void* context, eb_error* error) {
  (void)self, (void)tokens, (void)counted, (void)sink, (void)context, (void)error;
  for (size_t i = 0; i < count; ++i) status[i] = 2;
  return EB_OK;
}
static int32_t renew(eb_backend* self, const eb_token* tokens, size_t count, int32_t* status, eb_error* error) {
  (void)self, (void)tokens, (void)error;
  for (size_t i = 0; i < count; ++i) status[i] = 1;
  return EB_OK;
}
static int32_t resume(eb_backend* self, size_t max, eb_position from, eb_position* next, eb_tokens_sink sink,
                      void* context, eb_error* error) {
  (void)self, (void)max, (void)from, (void)next, (void)sink, (void)context, (void)error;
  return EB_OK;
}
#ifndef WITHOUT_CLAIM
static int32_t claim(eb_backend* self, int64_t min_idle_ms, size_t max, eb_position from, eb_position* next,
                     uint64_t* checked, eb_tokens_sink sink, eb_positions_sink lost, void* context, eb_error* error) {
  (void)self, (void)min_idle_ms, (void)max, (void)from, (void)next, (void)checked, (void)sink, (void)lost;
  (void)context, (void)error;
  return EB_OK;
}
#endif
#ifdef WITH_ADDED
static int32_t compact(eb_backend* self, eb_error* error) {
  (void)self, (void)error;
  return EB_OK;
}
#endif
static int32_t capabilities(eb_backend* self, eb_capabilities* out, eb_error* error) {
  (void)self, (void)error;
  out->ordered = 1;
#ifndef WITHOUT_MAX_PAYLOAD
  out->max_payload_bytes = 63;
#endif
#ifdef WITH_ADDED
  if (out->struct_size >= offsetof(eb_capabilities, added) + sizeof out->added) out->added[7] = 1;
#endif
  return EB_OK;
}
static const void* facet(eb_backend* self, const char* id) {
  (void)self, (void)id;
  return NULL;
}

const eb_plugin* eventbus_plugin_v1(void) {
  static const eb_functions functions = {.struct_size = sizeof(eb_functions),
                                         .create = create,
                                         .destroy = destroy,
                                         .open = open_it,
                                         .close = close_it,
                                         .append = append,
                                         .redeliver = redeliver,
                                         .renew = renew,
                                         .settle = settle,
                                         .wake = wake,
                                         .capabilities = capabilities,
                                         .facet = facet,
                                         .receive = receive,
                                         .resume = resume,
#ifdef WITH_ADDED
                                         .compact = compact,
#endif
#ifndef WITHOUT_CLAIM
                                         .claim = claim
#endif
  };
  static const eb_plugin plugin = {.struct_size = sizeof(eb_plugin),
                                   .abi_major = EB_ABI_MAJOR,
                                   .abi_minor = EB_ABI_MINOR,
                                   .name = "tiny",
                                   .version = "1.2.3",
                                   .license = "Apache-2.0",
                                   .functions = &functions};
  return &plugin;
}
