# Checks of the source itself, as tests and as targets. Sanitized builds have no need of them.
add_custom_target(check-layers COMMAND ${CMAKE_SOURCE_DIR}/tools/check-layers USES_TERMINAL)
add_custom_target(format COMMAND ${CMAKE_SOURCE_DIR}/tools/check-format --fix USES_TERMINAL)
add_custom_target(tidy COMMAND ${CMAKE_SOURCE_DIR}/tools/check-tidy -p ${CMAKE_BINARY_DIR} USES_TERMINAL)

if(NOT FULMAR_SANITIZE)
  add_test(NAME checks.layers COMMAND ${CMAKE_SOURCE_DIR}/tools/check-layers)
  add_test(NAME checks.layers.refuses COMMAND ${CMAKE_SOURCE_DIR}/tools/check_layers_test.py)
  add_test(NAME checks.format COMMAND ${CMAKE_SOURCE_DIR}/tools/check-format)
  add_test(NAME checks.tidy COMMAND ${CMAKE_SOURCE_DIR}/tools/check-tidy -p ${CMAKE_BINARY_DIR})
  set_tests_properties(checks.layers checks.layers.refuses checks.format PROPERTIES LABELS checks TIMEOUT 60)
  set_tests_properties(checks.tidy PROPERTIES LABELS checks TIMEOUT 900 PROCESSORS 2)
endif()
