// SPDX-License-Identifier: MIT
// Grafast asks for this when it is loaded; "development" adds checks that cost time and print plans.
process.env.GRAPHILE_ENV ??= 'production'
