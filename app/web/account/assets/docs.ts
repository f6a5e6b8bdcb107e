// The API's documentation; its tool is served by us, so it works without the internet.

interface SwaggerUi {
  (options: { url: string; dom_id: string; deepLinking: boolean; persistAuthorization: boolean;
    docExpansion: "list" | "none" }): unknown;
}
declare const SwaggerUIBundle: SwaggerUi;

const place = document.getElementById("docs");
SwaggerUIBundle({
  url: place?.dataset["document"] ?? "/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  docExpansion: "none", // hundreds of operations: their groups are opened one by one
  persistAuthorization: false,
});
