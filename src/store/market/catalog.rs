//! ProductCatalogApi: what the shop sells. Anybody may look.

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};
use uuid::Uuid;

use super::Part;
use super::refusals::{Missing, Open};
use crate::store::App;
use crate::store::catalog::{self, ProductView};
use crate::store::http::{Asked, asked, json, limit, path_id};
use crate::store::money::Amount;
use crate::store::problem::{Fault, ProblemDocument};

/// The routes.
pub(crate) fn part() -> Part {
    Part {
        own: Router::new()
            .route("/api/v1/products/{id}/price", get(price))
            .route("/api/v1/products/{id}/stock", get(stock)),
        shared: vec!["/api/v1/products", "/api/v1/products/{id}"],
        contested: Router::new()
            .route("/api/v1/products", get(products))
            .route("/api/v1/products/{id}", get(product)),
        document: Document::openapi(),
    }
}

#[derive(OpenApi)]
#[openapi(
    info(title = "ProductCatalogApi"),
    paths(products, product, price, stock),
    components(schemas(ProblemDocument))
)]
struct Document;

/// A product in a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ListedProduct {
    id: Uuid,
    name: String,
    /// How many can be ordered now.
    stock: i32,
    price: Amount,
    /// ISO 4217.
    currency: String,
}

impl From<ProductView> for ListedProduct {
    fn from(product: ProductView) -> Self {
        let ProductView { id, name, stock, price, currency, .. } = product;
        Self { id, name, stock, price, currency }
    }
}

/// Some products.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ProductPage {
    items: Vec<ListedProduct>,
    /// Where the next page begins; none on the last and on a search.
    next_cursor: Option<String>,
}

/// A product.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Product {
    id: Uuid,
    name: String,
    description: String,
    /// How many can be ordered now.
    stock: i32,
    price: Amount,
    /// ISO 4217.
    currency: String,
    attributes: BTreeMap<String, String>,
    /// Whether it is still sold.
    is_active: bool,
}

impl From<ProductView> for Product {
    fn from(product: ProductView) -> Self {
        let ProductView { id, name, description, stock, price, currency, attributes, is_active } = product;
        Self { id, name, description, stock, price, currency, attributes, is_active }
    }
}

/// What a product costs.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ProductPrice {
    product_id: Uuid,
    price: Amount,
    /// ISO 4217.
    currency: String,
}

/// How many there are.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ProductStock {
    product_id: Uuid,
    /// On the shelf and not reserved.
    available: i32,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ProductsAsked {
    /// Words and numbers of a name; what matches best comes first.
    q: Option<String>,
    /// 1 to 100; 20 when absent.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    /// The `nextCursor` of an earlier answer; without `q` only.
    cursor: Option<String>,
}

/// What is sold, the oldest first or what matches best, a page at a time.
#[utoipa::path(get, path = "/api/v1/products", params(ProductsAsked), responses(
    (status = 200, body = ProductPage),
    (status = 422, description = "A wrong limit or cursor", body = ProblemDocument, content_type = "application/problem+json"),
    Open,
))]
async fn products(State(app): State<App>, query: Asked<ProductsAsked>) -> Result<Response, Fault> {
    let question = asked(query)?;
    let limit = limit(question.limit, 20)?;
    let found = match question.q.as_deref().map(str::trim) {
        Some(words) if !words.is_empty() => catalog::search(&app.pool, words, limit).await?,
        _ => catalog::list(&app.pool, question.cursor.as_deref(), limit).await?,
    };
    let items = found.items.into_iter().map(ListedProduct::from).collect();
    json(&ProductPage { items, next_cursor: found.next_cursor })
}

/// One product, also one that is not sold any more.
#[utoipa::path(get, path = "/api/v1/products/{id}", params(("id" = Uuid, Path)), responses(
    (status = 200, body = Product), Missing, Open,
))]
async fn product(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Fault> {
    json(&Product::from(catalog::product(&app.pool, path_id(&id)?).await?))
}

/// What a product costs.
#[utoipa::path(get, path = "/api/v1/products/{id}/price", params(("id" = Uuid, Path)), responses(
    (status = 200, body = ProductPrice), Missing, Open,
))]
async fn price(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Fault> {
    let product = catalog::product(&app.pool, path_id(&id)?).await?;
    json(&ProductPrice { product_id: product.id, price: product.price, currency: product.currency })
}

/// How many of a product there are.
#[utoipa::path(get, path = "/api/v1/products/{id}/stock", params(("id" = Uuid, Path)), responses(
    (status = 200, body = ProductStock), Missing, Open,
))]
async fn stock(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Fault> {
    let product = catalog::product(&app.pool, path_id(&id)?).await?;
    json(&ProductStock { product_id: product.id, available: product.stock })
}
