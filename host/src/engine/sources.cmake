target_sources(
  eventbus_host
  PRIVATE src/engine/bus.cpp
          src/engine/check_event.cpp
          src/engine/core.cpp
          src/engine/dispatch.cpp
          src/engine/event_id.cpp
          src/engine/inspect.cpp
          src/engine/intake.cpp
          src/engine/publish.cpp
          src/engine/registry.cpp
          src/engine/settle.cpp)
