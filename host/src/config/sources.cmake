target_sources(
  eventbus_host
  PRIVATE src/config/interpolate.cpp
          src/config/json_text.cpp
          src/config/keys.cpp
          src/config/logging.cpp
          src/config/open_bus.cpp
          src/config/parse.cpp
          src/config/schema.cpp
          src/config/values.cpp)
