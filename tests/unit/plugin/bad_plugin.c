/* A plugin with one defect, chosen by a macro. It leaves traces in the environment of what was run of it. */
#define _POSIX_C_SOURCE 200809L
#include <stdlib.h>
#include <string.h>

#include <eventbus/plugin_abi.h>

__attribute__((constructor)) static void loaded(void) {
  setenv("EVENTBUS_TEST_LOADED", "1", 1);
#ifdef CRASHES
  abort();
#endif
}

#ifdef OTHER_MAJOR
const void* eventbus_plugin_v2(void);
const void* eventbus_plugin_v2(void) { return NULL; }
#elif defined(NO_SYMBOL)
int some_other_function(void);
int some_other_function(void) { return 0; }
#else

static int32_t create(const eb_settings* settings, const eb_host* host, eb_backend** out, eb_error* error) {
  (void)settings, (void)host, (void)error;
  setenv("EVENTBUS_TEST_CREATED", "1", 1);
  *out = (eb_backend*)out;
  return EB_OK;
}
static void destroy(eb_backend* self) {
  (void)self;
  setenv("EVENTBUS_TEST_DESTROYED", "1", 1);
}
static void nothing(eb_backend* self) { (void)self; }
static int32_t open_it(eb_backend* self, int32_t role, const eb_start* start, eb_error* error) {
  (void)self, (void)role, (void)start, (void)error;
  return EB_OK;
}
static int32_t append(eb_backend* self, const eb_event* const* events, size_t count, eb_append_result* const* results,
                      eb_error* error) {
  (void)self, (void)events, (void)count, (void)results, (void)error;
  return EB_OK;
}
static int32_t redeliver(eb_backend* self, const eb_token* tokens, size_t count, int32_t counted, int32_t* status,
                         eb_deliveries_sink sink, void* context, eb_error* error) {
  (void)self, (void)tokens, (void)count, (void)counted, (void)status, (void)sink, (void)context, (void)error;
  return EB_OK;
}
static int32_t renew(eb_backend* self, const eb_token* tokens, size_t count, int32_t* status, eb_error* error) {
  (void)self, (void)tokens, (void)count, (void)status, (void)error;
  return EB_OK;
}
static int32_t settle(eb_backend* self, const eb_settlement* const* settlements, size_t count, eb_settled_sink sink,
                      void* context, eb_error* error) {
  (void)self, (void)settlements, (void)count, (void)sink, (void)context, (void)error;
  return EB_OK;
}
static int32_t capabilities(eb_backend* self, eb_capabilities* out, eb_error* error) {
  (void)self, (void)out, (void)error;
  return EB_OK;
}
static const void* facet(eb_backend* self, const char* id) {
  static const eb_history history = {sizeof(eb_history), NULL};
  (void)self;
  return strcmp(id, EB_FACET_HISTORY) == 0 ? &history : NULL;
}
#ifndef MISSING_SLOT
static int32_t receive(eb_backend* self, size_t max, int64_t wait_ms, const eb_settlement* const* settlements,
                       size_t count, eb_settled_sink settled, eb_deliveries_sink sink, void* context, eb_error* error) {
  (void)self, (void)max, (void)wait_ms, (void)settlements, (void)count, (void)settled, (void)sink, (void)context;
  (void)error;
  return EB_OK;
}
#endif
static int32_t resume(eb_backend* self, size_t max, eb_position from, eb_position* next, eb_tokens_sink sink,
                      void* context, eb_error* error) {
  (void)self, (void)max, (void)from, (void)next, (void)sink, (void)context, (void)error;
  return EB_OK;
}
static int32_t claim(eb_backend* self, int64_t min_idle_ms, size_t max, eb_position from, eb_position* next,
                     uint64_t* checked, eb_tokens_sink sink, eb_positions_sink lost, void* context, eb_error* error) {
  (void)self, (void)min_idle_ms, (void)max, (void)from, (void)next, (void)checked, (void)sink, (void)lost;
  (void)context, (void)error;
  return EB_OK;
}

static const eb_functions functions = {.struct_size = sizeof(eb_functions),
                                       .create = create,
                                       .destroy = destroy,
                                       .open = open_it,
                                       .close = nothing,
                                       .append = append,
                                       .redeliver = redeliver,
                                       .renew = renew,
                                       .settle = settle,
                                       .wake = nothing,
                                       .capabilities = capabilities,
                                       .facet = facet,
#ifndef MISSING_SLOT
                                       .receive = receive,
#endif
                                       .resume = resume,
                                       .claim = claim};

const eb_plugin* eventbus_plugin_v1(void) {
  static const eb_plugin plugin = {.struct_size = sizeof(eb_plugin),
                                   .abi_major = 1,
#ifdef NEWER_HOST
                                   .min_host_minor = 99,
#endif
                                   .name = "bad",
                                   .functions = &functions};
  return &plugin;
}
#endif
