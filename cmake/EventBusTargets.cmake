# What every target of this project has in common.

# eventbus_target(NAME): C++20 without extensions, hidden symbols, position-independent.
function(eventbus_target name)
  target_compile_features(${name} PUBLIC cxx_std_20)
  set_target_properties(
    ${name}
    PROPERTIES CXX_EXTENSIONS OFF
               CXX_VISIBILITY_PRESET hidden
               C_VISIBILITY_PRESET hidden
               VISIBILITY_INLINES_HIDDEN ON
               POSITION_INDEPENDENT_CODE ON)
endfunction()
