import graphql from "@graphql-eslint/eslint-plugin";

const graphQLConfig = { schema: "../../../schema.graphql", documents: "page.graphql" };

export default [
  {
    files: ["**/*.graphql"],
    plugins: { "@graphql-eslint": graphql },
    languageOptions: { parser: graphql.parser, parserOptions: { graphQLConfig } },
    rules: graphql.configs["flat/operations-recommended"].rules,
  },
];
